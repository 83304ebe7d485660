from __future__ import annotations

from tests.faults.scenario import Scenario

SCENARIOS = {
    "bandwidth": Scenario(
        first={
            "plugins": [
                {"type": "bridge", "bridge": "br0"},
                {
                    "type": "bandwidth", "ingressRate": 8_000_000, "ingressBurst": 800_000,
                    "egressRate": 8_000_000, "egressBurst": 800_000, "unshapedSubnets": ["fd00::/8"],
                },
            ]
        }
    ),
}  # fmt: skip
