from __future__ import annotations

from tests.delegate.conformance import PROMISES, Subject, World
from tests.support import dhcp


def prepare(world: World) -> None:
    """The pod has an interface already, as whoever has dhcp for its IPAM makes it; a server is on its other end."""
    world.host.ip(*["link", "add", "far0", "type", "veth", "peer", "name", "eth0", "netns"], world.pod.name)
    world.pod.ip("link", "set", "eth0", "up")
    dhcp.start_both(world.host, "far0", world.folder)


SUBJECT = Subject(
    type="dhcp",
    conf={"type": "some", "ipam": {"type": "dhcp", "daemonSocketPath": "FOLDER/dhcp.sock"}},
    makes_interface=False,
    prepare=prepare,
)
BROKEN_BY_THE_REFERENCE = (
    PROMISES  # its program asks its own daemon: tests/delegates/ipam/dhcp compares the two
)
