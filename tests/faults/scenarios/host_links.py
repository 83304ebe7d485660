"""A link of the host that is made on demand: whatever dies when, it goes."""

from __future__ import annotations

from tests.faults.scenario import Scenario

VXLAN = {"type": "vxlan", "id": 42, "parent": "up0", "remote": "192.0.2.2"}

SCENARIOS = {
    "macvlan on a VXLAN made on demand": Scenario(
        first={"type": "macvlan", "master": "vx42", "hostLink": VXLAN}
    ),
}
