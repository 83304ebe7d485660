"""The addresses of a cluster of the driver `local`: of its API server, its nodes and their pods.

10.96.0.1                                    the API server, on the bridge that joins the nodes
192.168.77.11, fd77::11                      node-1
10.244.1.0/24, fd10:244:1::/64               its pods
fd96::1, fd78::11, fd10:246:1::/64           the same of six-1, a node of a cluster that has IPv6 alone

The API server has the first of the services' addresses, that of the service `kubernetes`, which pods are told: so
nothing has to stand between it and them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final

NODES: Final = (1, 2)
MAC: Final = "02:00:00:00:77:{:02x}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What a cluster has of one IP version."""

    services: str
    router: str
    """The bridge's, on the nodes' network."""
    prefix: int
    """The length of the nodes' network."""
    node: str
    """``192.168.77.1{}`` with the node's number in it."""
    pods: str

    @property
    def any(self) -> str:
        return "0.0.0.0/0" if ip_address(self.router).version == 4 else "::/0"

    def service(self, number: int) -> str:
        return str(ip_network(self.services)[number])


IPV4: Final = Family(
    services="10.96.0.0/16",
    router="192.168.77.1",
    prefix=24,
    node="192.168.77.1{}",
    pods="10.244.{}.0/24",
)
IPV6: Final = Family(
    services="fd96::/112",
    router="fd77::1",
    prefix=64,
    node="fd77::1{}",
    pods="fd10:244:{}::/64",
)
IPV6_ALONE: Final = Family(
    services="fd96::/112",
    router="fd78::1",
    prefix=64,
    node="fd78::1{}",
    pods="fd10:246:{}::/64",
)
"""Its routes are none of the other cluster's, which may run beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """The cluster's own, as one node has it: an address and a subnet for its pods of each family."""

    mac: str
    """Of the node's link to the others."""
    addresses: Sequence[str]
    pods: Sequence[str]
    dns: str

    def conflist(self) -> dict[str, Any]:
        bridge = {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "isDefaultGateway": True,
            "hairpinMode": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in self.pods]},
        }
        portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
        return {"cniVersion": "1.0.0", "name": "cluster", "plugins": [bridge, portmap]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Of one cluster. Its API server is of the first family, and so are the services."""

    bridge: str
    """What joins its nodes, in the namespace of the run."""
    word: str
    """Its nodes are called ``word-1`` and ``word-2``."""
    families: Sequence[Family]

    @property
    def api_server(self) -> str:
        return self.families[0].service(1)

    @property
    def services(self) -> str:
        return self.families[0].services

    @property
    def names(self) -> Sequence[str]:
        return [f"{self.word}-{number}" for number in NODES]

    def network(self, number: int) -> Network:
        return Network(
            mac=MAC.format(10 + number),
            addresses=[family.node.format(number) for family in self.families],
            pods=[family.pods.format(number) for family in self.families],
            dns=self.families[0].service(10),
        )

    def at_the_bridge(self) -> list[str]:
        """Commands of ``ip`` that make it.

        Without a MAC that is set it gets another as ports come and go, and while one node is rebooted the others
        would not reach the API server for up to a minute.
        """
        host = ip_network(self.api_server).with_prefixlen
        return [
            f"link add {self.bridge} address {MAC.format(1)} type bridge",
            f"link set {self.bridge} up",
            f"address add {host} dev {self.bridge} nodad",
            *(
                f"address add {family.router}/{family.prefix} dev {self.bridge} nodad"
                for family in self.families
            ),
        ]

    def at_a_node(self, number: int, link: str) -> list[str]:
        """Commands of ``ip`` that connect it, by ``link``, with the others and their pods."""
        lines = [f"link set {link} up"]
        for family in self.families:
            lines += [
                f"address add {family.node.format(number)}/{family.prefix} dev {link} nodad",
                f"route add {family.any} via {family.router}",
                *(
                    f"route add {family.pods.format(other)} via {family.node.format(other)}"
                    for other in NODES
                    if other != number
                ),
            ]
        return lines


DUAL_STACK: Final = Addresses(bridge="nodes", word="node", families=(IPV4, IPV6))
ONLY_IPV6: Final = Addresses(bridge="nodes-six", word="six", families=(IPV6_ALONE,))
