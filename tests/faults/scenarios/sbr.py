from __future__ import annotations

from tests.faults.scenario import DUAL, PLAIN, Scenario

SCENARIOS = {
    "sbr": Scenario(
        first=PLAIN,
        further={
            "net-a": {
                "plugins": [{**PLAIN, "bridge": "br1", "isGateway": True, "ipam": DUAL}, {"type": "sbr"}]
            }
        },
        selections=[{"name": "net-a"}],
    ),
}
