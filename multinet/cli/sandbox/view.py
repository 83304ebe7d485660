"""What there is: the kernel's word on every interface, address and route, joined with who made it and what for.

The kernel is asked in the pod's namespace and in the node's; the network and the plugins are those of the
record that ADD left. Interfaces that no record knows are shown too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multinet.cli.sandbox.ledger import IFNAME, Ledger, Node, Pod
from multinet.errors import NetnsGone
from multinet.kernel.namespace import Namespace
from multinet.npwg import status
from multinet.npwg.status import NetworkStatus
from multinet.view import journal, kernel
from multinet.view.kernel import InterfaceView, Links, LinkView, RouteView


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
    known: Links
    links: tuple[LinkView, ...]
    try:
        with Namespace.current() if node.netns is None else Namespace.open(str(node.netns)) as namespace:
            known, links = kernel.host_links(namespace)
    except NetnsGone:
        known, links = {}, ()
    chosen = ledger.pods() if pods is None else pods
    return NodeView(node=node, links=links, pods=tuple(_look_into(pod, known, ledger) for pod in chosen))


def _look_into(pod: Pod, host: Links, ledger: Ledger) -> PodView:
    published = ledger.published(pod)
    # A pod without networks of its own has no annotation that would tell whose its interface is.
    record = ledger.attachments.peek(pod.container_id, IFNAME)
    try:
        with Namespace.open(str(pod.netns)) as namespace:
            interfaces, routes = kernel.look_into(namespace, host, journal.told(record) if record else ())
    except NetnsGone:
        return PodView(pod=pod, phase="gone", interfaces=(), routes=(), published=published)
    return PodView(pod=pod, phase=pod.phase.value, interfaces=interfaces, routes=routes, published=published)


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
        "interfaces": [plain(interface) for interface in view.interfaces],
        "routes": [plain(route) for route in view.routes],
        "networkStatus": json.loads(status.write(view.published)),
    }


def node_to_json(view: NodeView) -> dict[str, Any]:
    return {
        "node": view.node.name,
        "netns": str(view.node.netns or ""),
        "links": [plain(link) for link in view.links],
        "pods": [to_json(pod) for pod in view.pods],
    }


def plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
