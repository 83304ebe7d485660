from __future__ import annotations

from tests.faults.scenario import FIXED, Scenario

SCENARIOS = {
    "vlan, ipvlan and dummy": Scenario(
        first={"type": "vlan", "master": "up0", "vlanId": 7, "ipam": FIXED},
        further={
            "net-a": {"type": "ipvlan", "master": "up0", "ipam": FIXED},
            "net-b": {"type": "dummy", "ipam": FIXED},
        },
        selections=[{"name": "net-a"}, {"name": "net-b"}],
        needs="uml",
    ),
}
