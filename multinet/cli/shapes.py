"""Topologies to draw: of a cluster, by what its pods were told, and of this node, by the journal and the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from multinet.cli.attached import Attached
from multinet.cli.node.kernel import InterfaceView, LinkView, host_links
from multinet.cli.node.sandboxes import Sandbox, look, to_json
from multinet.cli.sandbox.ledger import Node, Phase, Pod
from multinet.cli.sandbox.topology import PodBox, Port, Segment, Topology, topology
from multinet.cli.sandbox.view import NodeView, PodView, plain
from multinet.kernel.namespace import Namespace
from multinet.npwg.status import NetworkStatus
from multinet.plan import Record


def of_cluster(name: str, pods: Sequence[Attached]) -> Topology:
    """A segment is a network: what nodes it is on, and by what links, is not told."""
    ports: dict[str, list[Port]] = {}
    kinds: dict[str, str] = {}
    placed: list[list[tuple[Port, str]]] = []
    for pod in pods:
        mine = [
            (Port(pod=str(pod), interface=_interface(entry), via=""), entry.name) for entry in pod.interfaces
        ]
        placed.append(mine)
        for port, network in mine:
            ports.setdefault(network, []).append(port)
        for entry in pod.interfaces:
            kinds.setdefault(entry.name, entry.plugins[0] if entry.plugins else "network")
    segments = {
        network: Segment(
            name=network, kind=kinds[network], addresses=(), networks=(), ports=tuple(ports[network])
        )
        for network in sorted(ports, key=lambda network: ("/" in network, network))
    }
    return Topology(
        what="cluster",
        node=name,
        lan="",
        uplink="",
        segments=tuple(segments.values()),
        pods=tuple(
            PodBox(
                name=str(pod),
                phase=pod.state if not pod.node else f"{pod.state} on {pod.node}",
                ports=tuple((port, segments[network]) for port, network in mine),
            )
            for pod, mine in zip(pods, placed, strict=True)
        ),
    )


def of_node(name: str, records: Iterable[Record]) -> tuple[Topology, dict[str, Any]]:
    """The picture, and what a program is told of it. Raises MultinetError where the kernel can't be asked."""
    with Namespace.current() as host:
        _, links = host_links(host)
    pods = look(records)
    known = {one.host for pod in pods for one in pod.interfaces} | {
        one.bridge for pod in pods for one in pod.interfaces
    }
    # Bridges of others are not ours to draw.
    links = tuple(link for link in links if link.kind != "bridge" or link.name in known)
    view = NodeView(
        node=Node(name=name, here=True, phase=Phase.UP),
        links=links,
        pods=tuple(_pod(pod, name) for pod in pods),
    )
    return topology(view, uplink=""), _document(name, links, pods)


def _document(name: str, links: Sequence[LinkView], pods: Sequence[Sandbox]) -> dict[str, Any]:
    return {"node": name, "links": [plain(link) for link in links], "pods": [to_json(pod) for pod in pods]}


def _pod(one: Sandbox, node: str) -> PodView:
    pod = Pod(
        node=node,
        namespace=one.pod.namespace,
        name=one.pod.name,
        uid="",
        container_id=one.pod.container_id,
    )
    phase = "gone" if one.gone else "up" if one.finished else one.pod.state
    return PodView(pod=pod, phase=phase, interfaces=one.interfaces, routes=one.routes, published=())


def _interface(entry: NetworkStatus) -> InterfaceView:
    return InterfaceView(
        name=entry.interface,
        kind="",
        mac=entry.mac,
        mtu=entry.mtu,
        up=True,
        addresses=tuple(map(str, entry.ips)),
        host="",
        bridge="",
        network=entry.name,
        plugins=entry.plugins,
        default=entry.default,
    )
