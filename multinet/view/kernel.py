"""The kernel's word on the links of a node and on each interface, address and route of a pod."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from multinet.kernel import addresses, links, routes
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.routes import RouteEntry
from multinet.npwg.status import NetworkStatus

Links = Mapping[int, Link]
"""The links of a namespace by their index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkView:
    """A link as its namespace has it."""

    name: str
    kind: str
    """"" for a device, and for lo."""
    mac: str
    mtu: int
    up: bool
    addresses: tuple[str, ...]
    master: str
    """The bridge it is a port of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InterfaceView:
    """An interface of a pod. What the record does not know of it is empty."""

    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    addresses: tuple[str, ...]
    host: str
    """The link of the node that it stands on: the other end of its veth pair, or its master."""
    bridge: str
    """The bridge of the node that ``host`` is a port of."""
    network: str
    plugins: tuple[str, ...]
    default: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteView:
    """A route of a pod, but for the kernel's own to each address. ``dst`` is ``default`` for everywhere. A route
    over several hops has all their gateways and interfaces."""

    dst: str
    gateway: str
    interface: str
    source: str
    metric: int
    table: int
    mtu: int


def host_links(namespace: Namespace) -> tuple[Links, tuple[LinkView, ...]]:
    """Of the node's own namespace."""
    known = _links(namespace)
    addressed = _addresses(namespace)
    return known, tuple(_link(link, known, addressed) for link in known.values())


def look_into(
    namespace: Namespace, host: Links, told: Sequence[NetworkStatus]
) -> tuple[tuple[InterfaceView, ...], tuple[RouteView, ...]]:
    """A pod's interfaces and routes. ``told``: what is remembered of its networks."""
    known = _links(namespace)
    addressed = _addresses(namespace)
    routed = routes.dump(namespace.rtnl)
    of = {entry.interface: entry for entry in told}
    interfaces = tuple(
        _interface(_link(link, known, addressed), stands_on(link, host), host, of.get(link.name))
        for link in known.values()
    )
    return interfaces, tuple(_route(one, known) for one in routed if one.table != routes.LOCAL)


def stands_on(link: Link, host: Links) -> Link | None:
    """The link of the node that a pod's link stands on.

    An index alone does not tell whose it is: a veth's other end must know the pod's as its own, and the rest
    (macvlan) must name another namespace.
    """
    found = host.get(link.parent) if link.parent else None
    if found is None or (link.kind == "veth" and found.parent != link.index) or link.link_netnsid is None:
        return None
    return found


def shown(addresses_: Sequence[str]) -> list[str]:
    """Without the link-local addresses that the kernel makes for itself."""
    return [one for one in addresses_ if not ip_address(one.partition("/")[0]).is_link_local]


def _interface(link: LinkView, below: Link | None, host: Links, told: NetworkStatus | None) -> InterfaceView:
    bridge = host.get(below.master) if below and below.master else None
    return InterfaceView(
        name=link.name,
        kind=link.kind,
        mac=link.mac,
        mtu=link.mtu,
        up=link.up,
        addresses=link.addresses,
        host=below.name if below else "",
        bridge=bridge.name if bridge else "",
        network=told.name if told else "",
        plugins=told.plugins if told else (),
        default=told.default if told else False,
    )


def _route(entry: RouteEntry, known: Links) -> RouteView:
    return RouteView(
        dst="default" if entry.is_default else str(entry.dst),
        gateway=", ".join(str(gateway) for gateway in entry.gateways if gateway),
        interface=", ".join(known[index].name for index in entry.oifs if index in known),
        source=str(entry.src or ""),
        metric=entry.priority,
        table=entry.table,
        mtu=entry.mtu,
    )


def _link(link: Link, known: Links, addressed: Mapping[int, Sequence[str]]) -> LinkView:
    return LinkView(
        name=link.name,
        kind=link.kind,
        mac=link.mac,
        mtu=link.mtu,
        up=link.up,
        addresses=tuple(addressed.get(link.index, ())),
        master=known[link.master].name if link.master in known else "",
    )


def _links(namespace: Namespace) -> Links:
    return {link.index: link for link in links.dump(namespace.rtnl)}


def _addresses(namespace: Namespace) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for entry in addresses.dump(namespace.rtnl):
        found.setdefault(entry.index, []).append(str(entry.address))
    return found
