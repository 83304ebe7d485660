"""The pods' networks as a picture has them: segments of the node, and the interfaces that stand on each.

A segment is a bridge, a link that others stand on (a master), or, where each pod has a wire of its own to the
node (ptp), the node's routing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from multinet.view.kernel import InterfaceView, LinkView, shown

ROUTING, WAY_OUT = "routing", "uplink"
"""The kinds of the segment that stands for wires which end in the node, and of the node's link to its LAN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodSeen:
    """A pod, as somebody has seen it."""

    name: str
    phase: str
    interfaces: tuple[InterfaceView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """One interface of a pod on its segment; ``via`` is the node's end of its wire."""

    pod: str
    interface: InterfaceView
    via: str

    @property
    def addresses(self) -> list[str]:
        return shown(self.interface.addresses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    name: str
    kind: str
    """``bridge``, ``routing``, ``uplink``, or for another master what it is; "" for a device."""
    addresses: tuple[str, ...]
    networks: tuple[str, ...]
    """The definitions that led here, in the order of the pods."""
    ports: tuple[Port, ...]
    uplinks: tuple[str, ...] = ()
    """Links of the node that are ports of the bridge and belong to no pod."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodBox:
    """A pod, with its interfaces in the order in which it has them."""

    name: str
    phase: str
    ports: tuple[tuple[Port, Segment | None], ...]
    """Each with its segment; None for one that stands on nothing of the node."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    node: str
    lan: str
    """The namespace at the other end of the uplink; "" for a node without one."""
    uplink: str
    segments: tuple[Segment, ...]
    pods: tuple[PodBox, ...]
    what: str = "node"
    """What ``node`` is the name of: a cluster may be drawn, too."""


def topology(
    node: str, links_: Sequence[LinkView], pods: Sequence[PodSeen], *, uplink: str = "", lan: str = ""
) -> Topology:
    """``uplink``: the name of the link that leads out of the node, to ``lan``; "" for a node without one."""
    links = {link.name: link for link in links_}
    ports: dict[str, list[Port]] = {}
    placed: list[list[tuple[Port, str]]] = []
    for pod in pods:
        mine: list[tuple[Port, str]] = []
        placed.append(mine)
        for interface in pod.interfaces:
            if interface.name == "lo":
                continue
            name = _segment_of(interface)
            via = interface.host if name != interface.host else ""
            port = Port(pod=pod.name, interface=interface, via=via)
            mine.append((port, name))
            if name:
                ports.setdefault(name, []).append(port)
    taken = {interface.host for pod in pods for interface in pod.interfaces}
    idle = [link.name for link in links_ if link.kind == "bridge" and link.name not in ports]
    has_uplink = uplink in links
    if has_uplink and uplink not in ports:
        idle.append(uplink)
    segments = {name: _segment(name, links, ports.get(name, []), taken) for name in [*ports, *idle]}
    if has_uplink:
        segments[uplink] = replace(segments[uplink], kind=WAY_OUT)
    return Topology(
        node=node,
        lan=lan if has_uplink else "",
        uplink=uplink if has_uplink else "",
        segments=tuple(sorted(segments.values(), key=_rank)),
        pods=tuple(_box(pod, mine, segments) for pod, mine in zip(pods, placed, strict=True)),
    )


def _segment_of(interface: InterfaceView) -> str:
    """The name of the segment: the bridge, else the master; a veth that ends in the node is routed there."""
    if interface.bridge or not interface.host:
        return interface.bridge
    return ROUTING if interface.kind == "veth" else interface.host


def _segment(name: str, links: dict[str, LinkView], ports: list[Port], taken: set[str]) -> Segment:
    link = links.get(name)
    return Segment(
        name=name,
        kind=link.kind if link else ROUTING,
        addresses=tuple(shown(link.addresses)) if link else (),
        networks=tuple(dict.fromkeys(port.interface.network for port in ports if port.interface.network)),
        ports=tuple(ports),
        uplinks=tuple(one.name for one in links.values() if one.master == name and one.name not in taken),
    )


def _rank(segment: Segment) -> tuple[bool, bool]:
    """The way out comes last, before it the routing."""
    return segment.kind == WAY_OUT, segment.kind == ROUTING


def _box(pod: PodSeen, placed: list[tuple[Port, str]], segments: dict[str, Segment]) -> PodBox:
    return PodBox(
        name=pod.name,
        phase=pod.phase,
        ports=tuple((port, segments.get(name)) for port, name in placed),
    )
