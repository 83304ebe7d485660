from __future__ import annotations

from tests.faults.scenario import Scenario, World
from tests.support import dhcp


def prepare(world: World) -> None:
    world.data.mkdir(exist_ok=True)
    dhcp.start_both(world.host, "up1", world.data)


SCENARIOS = {
    "dhcp": Scenario(
        first={
            "type": "macvlan",
            "master": "up0",
            "ipam": {"type": "dhcp", "daemonSocketPath": "DATA/dhcp.sock"},
        },
        prepare=prepare,
    ),
}
