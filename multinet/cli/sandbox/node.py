"""The node: a network namespace that hangs on a small LAN of its own, as a machine does.

    multinet-node                        multinet-node.lan
      eth0 192.0.2.2  2001:db8::2 ────── node0 192.0.2.1  2001:db8::1
      default route to the LAN's end

Pods with an interface on ``eth0`` (macvlan) are on that LAN too. The addresses are those that documentation
may use, so they are nobody's. Nothing forwards until a plugin switches it on.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from multinet.cli.sandbox import netns
from multinet.cli.sandbox.ledger import Node
from multinet.cni.types import CIDR
from multinet.kernel import addresses, links, routes
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Rtnl

UPLINK = "eth0"
FAR_END = "node0"

NODE = (IPv4Interface("192.0.2.2/24"), IPv6Interface("2001:db8::2/64"))
LAN = (IPv4Interface("192.0.2.1/24"), IPv6Interface("2001:db8::1/64"))


def is_there(node: Node) -> bool:
    return node.here or (netns.exists(node.name) and netns.exists(node.lan))


def make(node: Node) -> None:
    """Raises MultinetError; what was made then is for ``remove``."""
    netns.make(node.name)
    netns.make(node.lan)
    with (
        Namespace.open(str(netns.path(node.name))) as inner,
        Namespace.open(str(netns.path(node.lan))) as lan,
    ):
        for end in (inner, lan):
            set_loopback_up(end)
        links.create_veth(inner.rtnl, UPLINK, FAR_END, peer_ns_fd=lan.fd)
        _configure(inner.rtnl, UPLINK, NODE)
        _configure(lan.rtnl, FAR_END, LAN)
        uplink = links.get(inner.rtnl, UPLINK)
        for far in _usable(LAN):
            everywhere = ip_interface("0.0.0.0/0" if far.version == 4 else "::/0")
            inner.rtnl.request(routes.add(everywhere, gw=far.ip, oif=uplink))


def remove(node: Node) -> None:
    """Absent is success. A node that is the caller's own namespace stays as it is."""
    if not node.here:
        netns.remove(node.name)
        netns.remove(node.lan)


def set_loopback_up(namespace: Namespace) -> None:
    """A runtime does it for its pods itself, without a plugin."""
    namespace.rtnl.request(links.set_up(links.get(namespace.rtnl, "lo")))


def _configure(net: Rtnl, name: str, wanted: tuple[CIDR, ...]) -> None:
    link = links.get(net, name)
    for address in _usable(wanted):
        net.request(addresses.add(link, address, nodad=True))
    net.request(links.set_up(link))


def _usable(wanted: tuple[CIDR, ...]) -> list[CIDR]:
    """Without IPv6 where the kernel has none."""
    return [one for one in wanted if one.version == 4 or os.path.exists("/proc/sys/net/ipv6")]
