"""What there is: the kernel's word on every interface, address and route, joined with who made it and what for.

The kernel is asked in the pod's namespace and in the node's; the network and the plugins are those of the
record that ADD left. Interfaces that no record knows are shown too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from multinet.cli.sandbox.ledger import IFNAME, Ledger, Node, Pod
from multinet.errors import NetnsGone
from multinet.kernel import addresses, links, routes
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.npwg import status
from multinet.npwg.status import NetworkStatus
from multinet.plan import Outcome
from multinet.report.network_status import network_status


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


@dataclass(frozen=True, kw_only=True, slots=True)
class PodView:
    """``phase`` is ``gone`` when the namespace is not there any more; ``published`` is the pod's annotation."""

    pod: Pod
    phase: str
    interfaces: tuple[InterfaceView, ...]
    routes: tuple[RouteView, ...]
    published: tuple[NetworkStatus, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeView:
    node: Node
    links: tuple[LinkView, ...]
    pods: tuple[PodView, ...]


def look(node: Node, ledger: Ledger, pods: Sequence[Pod] | None = None) -> NodeView:
    """The node and its pods, or those of them that are asked for. A node that is gone has no links."""
    try:
        with Namespace.current() if node.netns is None else Namespace.open(str(node.netns)) as namespace:
            known = {link.index: link for link in links.dump(namespace.rtnl)}
            addressed = _addresses(namespace)
    except NetnsGone:
        known, addressed = {}, {}
    chosen = ledger.pods() if pods is None else pods
    return NodeView(
        node=node,
        links=tuple(_link(link, known, addressed) for link in known.values()),
        pods=tuple(_look_into(pod, known, ledger) for pod in chosen),
    )


def _look_into(pod: Pod, host: Mapping[int, Link], ledger: Ledger) -> PodView:
    published = ledger.published(pod)
    try:
        with Namespace.open(str(pod.netns)) as namespace:
            known = {link.index: link for link in links.dump(namespace.rtnl)}
            addressed = _addresses(namespace)
            routed = routes.dump(namespace.rtnl)
    except NetnsGone:
        return PodView(pod=pod, phase="gone", interfaces=(), routes=(), published=published)
    told = {entry.interface: entry for entry in _recorded(pod, ledger)}
    return PodView(
        pod=pod,
        phase=pod.phase.value,
        interfaces=tuple(
            _interface(_link(link, known, addressed), stands_on(link, host), host, told.get(link.name))
            for link in known.values()
        ),
        routes=tuple(
            RouteView(
                dst="default" if entry.is_default else str(entry.dst),
                gateway=", ".join(str(gateway) for gateway in entry.gateways if gateway),
                interface=", ".join(known[index].name for index in entry.oifs if index in known),
                source=str(entry.src or ""),
                metric=entry.priority,
                table=entry.table,
                mtu=entry.mtu,
            )
            for entry in routed
            if entry.table != routes.LOCAL
        ),
        published=published,
    )


def stands_on(link: Link, host: Mapping[int, Link]) -> Link | None:
    """The link of the node that a pod's link stands on.

    An index alone does not tell whose it is: a veth's other end must know the pod's as its own, and the rest
    (macvlan) must name another namespace.
    """
    found = host.get(link.parent) if link.parent else None
    if found is None or (link.kind == "veth" and found.parent != link.index) or link.link_netnsid is None:
        return None
    return found


def _interface(
    link: LinkView, below: Link | None, host: Mapping[int, Link], told: NetworkStatus | None
) -> InterfaceView:
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


def _link(link: Link, known: Mapping[int, Link], addressed: Mapping[int, Sequence[str]]) -> LinkView:
    return LinkView(
        name=link.name,
        kind=link.kind,
        mac=link.mac,
        mtu=link.mtu,
        up=link.up,
        addresses=tuple(addressed.get(link.index, ())),
        master=known[link.master].name if link.master in known else "",
    )


def _addresses(namespace: Namespace) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for entry in addresses.dump(namespace.rtnl):
        found.setdefault(entry.index, []).append(str(entry.address))
    return found


def _recorded(pod: Pod, ledger: Ledger) -> tuple[NetworkStatus, ...]:
    """What each interface is of. A pod without networks of its own has no annotation that would tell."""
    record = ledger.attachments.peek(pod.container_id, IFNAME)
    if record is None or not record.results:
        return ()
    return network_status(
        [
            Outcome(attachment=one, result=record.results[one.ifname])
            for one in record.plan.attachments
            if one.ifname in record.results
        ]
    )


def to_json(view: PodView) -> dict[str, Any]:
    """What ``--output json`` prints of a pod."""
    return {
        "namespace": view.pod.namespace,
        "name": view.pod.name,
        "uid": view.pod.uid,
        "phase": view.phase,
        "node": view.pod.node,
        "netns": str(view.pod.netns),
        "containerID": view.pod.container_id,
        "interfaces": [_plain(interface) for interface in view.interfaces],
        "routes": [_plain(route) for route in view.routes],
        "networkStatus": json.loads(status.write(view.published)),
    }


def node_to_json(view: NodeView) -> dict[str, Any]:
    return {
        "node": view.node.name,
        "netns": str(view.node.netns or ""),
        "links": [_plain(link) for link in view.links],
        "pods": [to_json(pod) for pod in view.pods],
    }


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def shown(addresses_: Sequence[str]) -> list[str]:
    """Without the link-local addresses that the kernel makes for itself."""
    return [one for one in addresses_ if not ip_address(one.partition("/")[0]).is_link_local]
