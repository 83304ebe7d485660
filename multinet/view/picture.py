"""What to draw of this node, by the journal and the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from multinet.kernel.namespace import Namespace
from multinet.plan import Record
from multinet.view.kernel import LinkView, host_links
from multinet.view.sandboxes import Sandbox, look, to_json
from multinet.view.topology import PodSeen, Topology, topology


def of_node(name: str, records: Iterable[Record]) -> tuple[Topology, dict[str, Any]]:
    """The picture, and what a program is told of it. Raises MultinetError where the kernel can't be asked."""
    with Namespace.current() as host:
        _, links = host_links(host)
    pods = look(records)
    links = tuple(theirs(links, pods))
    return drawn(name, links, pods), {
        "node": name,
        "links": [asdict(link) for link in links],
        "pods": [to_json(pod) for pod in pods],
    }


def drawn(name: str, links: Sequence[LinkView], pods: Sequence[Sandbox]) -> Topology:
    return topology(name, links, [_pod(one) for one in pods])


def theirs(links: Iterable[LinkView], pods: Sequence[Sandbox]) -> list[LinkView]:
    """Bridges of others are not ours to draw, nor are the wires of pods that are not among these."""
    seen = [one for pod in pods for one in pod.interfaces]
    known = {one.host for one in seen} | {one.bridge for one in seen}
    return [link for link in links if link.kind not in ("bridge", "veth") or link.name in known]


def _pod(one: Sandbox) -> PodSeen:
    phase = "gone" if one.gone else "up" if one.finished else one.pod.state
    return PodSeen(name=str(one.pod), phase=phase, interfaces=one.interfaces)
