from __future__ import annotations

from tests.delegates.example import Example, World


def card(world: World) -> None:
    world.host.ip("link", "add", "eth1", "type", "veth", "peer", "name", "far1")
    world.host.ip("link", "set", "eth1", "up")


EXAMPLE = Example(prepare=card, runtime={"ips": ["192.0.2.7/24"]}, needs="uml")
