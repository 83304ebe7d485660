from __future__ import annotations

from tests.faults.scenario import Scenario

SCENARIOS = {
    "bandwidth": Scenario(
        first={
            "plugins": [
                {"type": "bridge", "bridge": "br0"},
                {"type": "bandwidth", "egressRate": 8_000_000, "egressBurst": 800_000},
            ]
        }
    ),
}
