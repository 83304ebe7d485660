"""What to draw of a cluster, by what its pods were told."""

from __future__ import annotations

from collections.abc import Sequence

from multinet.npwg.status import NetworkStatus
from multinet.view.attached import Attached
from multinet.view.kernel import InterfaceView
from multinet.view.topology import PodBox, Port, Segment, Topology


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
