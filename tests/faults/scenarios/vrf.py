from __future__ import annotations

from tests.faults.scenario import FIXED, Scenario

SCENARIOS = {
    "vrf": Scenario(
        first={
            "plugins": [
                {"type": "macvlan", "master": "up0", "ipam": FIXED},
                {"type": "vrf", "vrfname": "blue"},
            ]
        },
        needs="uml",
    ),
}
