from __future__ import annotations

from tests.delegates.example import Example, World
from tests.support import dhcp


def prepare(world: World) -> None:
    world.host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "far0")
    world.host.ip("link", "set", "eth0", "up")
    # Not in the folder of the state: the daemon's files are there before and after.
    dhcp.start_both(world.host, "far0", world.state.with_name("dhcp"))


EXAMPLE = Example(prepare=prepare, keys={"dhcp": {"daemonSocketPath": "STATE/../dhcp/dhcp.sock"}})
