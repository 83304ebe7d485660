"""The networks that the pods of a soak can have, and what each of them means on a node.

``blue`` and ``green`` share a bridge and a range, and ``red``, which the reference's programs make, shares the range
with both: three networks, one folder of reservations, two implementations. Each definition has a number that grows
with every change; it is in the MTU, so that a pod's link tells of which version it was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

PRIMARY = "cluster"
FIRST_MTU = 1300
"""Of version 0. IPv6 wants 1280, and the masters have 1500."""
VERSIONS = 190


class Link(StrEnum):
    """What an attachment is in the kernel."""

    VETH = "veth"
    MACVLAN = "macvlan"


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    name: str
    store: str
    """host-local's folder, which is the network's name in the CNI configuration."""
    plugins: tuple[dict[str, Any], ...]
    subnets: tuple[str, ...]
    link: Link = Link.VETH
    room: int = 0
    """How many addresses there are, where they are so few that it matters."""
    on_host: bool = False
    """Do rules or routes of the host name each of its addresses?"""
    program: bool = False
    """Is it made by a program of the host?"""
    host_link: str = ""
    """A link of the host that is there while somebody has the network, and only then."""

    def text(self, version: int, ipam: Path) -> str:
        """The CNI configuration of that version."""
        first, *more = self.plugins
        ranges = [[{"subnet": subnet}] for subnet in self.subnets]
        if self.room:
            first_address = ip_network(self.subnets[0])[2]
            ranges[0][0] |= {"rangeStart": str(first_address), "rangeEnd": str(first_address + self.room - 1)}
        first = {
            **first,
            "mtu": FIRST_MTU + version % VERSIONS,
            "ipam": {"type": "host-local", "dataDir": str(ipam), "ranges": ranges},
        }
        text = json.dumps({"cniVersion": "1.0.0", "name": self.store, "plugins": [first, *more]})
        return text.replace("FOLDER", str(ipam.parent))

    def holds(self, address: str) -> bool:
        return any(ip_address(address) in ip_network(subnet) for subnet in self.subnets)


ON_DEMAND = "vx42"
"""A link of the host that a network needs, and that is made for its first pod."""
VXLAN = {"type": "vxlan", "id": 42, "parent": "up0", "remote": "192.0.2.2"}
SHARED = ("10.8.0.0/24",)

CLUSTER = Network(
    name=PRIMARY,
    store=PRIMARY,
    plugins=({"type": "bridge", "bridge": "br0", "isGateway": True, "isDefaultGateway": True},),
    subnets=("10.244.0.0/16",),
)

FURTHER = {
    one.name: one
    for one in (
        Network(
            name="blue",
            store="shared",
            plugins=({"type": "bridge", "bridge": "br1", "isGateway": True, "ipMasq": True},),
            subnets=SHARED,
            on_host=True,
        ),
        Network(name="green", store="shared", plugins=({"type": "bridge", "bridge": "br1"},), subnets=SHARED),
        Network(
            name="red",
            store="shared",
            plugins=({"type": "mortal-ptp"},),
            subnets=SHARED,
            on_host=True,
            program=True,
        ),
        Network(
            name="wide",
            store="wide",
            plugins=({"type": "macvlan", "master": "up0"},),
            subnets=("10.9.0.0/24", "fd09::/64"),
            link=Link.MACVLAN,
        ),
        Network(
            name="trunk",
            store="trunk",
            plugins=({"type": "macvlan", "master": ON_DEMAND, "hostLink": VXLAN},),
            subnets=("10.11.0.0/24",),
            link=Link.MACVLAN,
            host_link=ON_DEMAND,
        ),
        Network(
            name="walled",
            store="walled",
            plugins=(
                {"type": "bridge", "bridge": "br3"},
                {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}},
                {"type": "firewall", "backend": "nftables", "dataDir": "FOLDER/firewall"},
            ),
            subnets=("10.12.0.0/24",),
            on_host=True,
        ),
        Network(
            name="tiny",
            store="tiny",
            plugins=({"type": "bridge", "bridge": "br2"},),
            subnets=("10.10.0.0/24",),
            room=2,
        ),
    )
}

ALL = {PRIMARY: CLUSTER, **FURTHER}
