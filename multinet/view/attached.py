"""Which sandbox of this node has which networks, by the journal; and what a pod and a network are, to whoever lists
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from multinet.npwg.status import NetworkStatus

if TYPE_CHECKING:
    from multinet.cni.netconf import NetConfList
    from multinet.view.journal import Journal

STATES: Final[Mapping[str, str]] = {
    "attached": "it has what is told",
    "asked": "it asks for networks, and nothing is told of any",
    "unreadable": "what is told can't be read",
    "intended": "its ADD runs, or did not end",
    "plain": "it asks for no network of its own, and nothing is told",
}
"""What a pod's ``state`` may be, and what it means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """One pod, or on a node one sandbox."""

    namespace: str
    """"" for a container that is of no pod."""
    name: str
    """The container's id for one that is of no pod."""
    node: str = ""
    container_id: str = ""
    state: str = "attached"
    problem: str = ""
    interfaces: tuple[NetworkStatus, ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """``defined`` is False for the cluster's own network, and for a definition that is gone by now."""

    name: str
    defined: bool
    plugins: tuple[str, ...]
    ipam: str
    resource: str
    pods: int
    interfaces: int
    problem: str = ""


def of_journal(journal: Journal, node: str) -> list[Attached]:
    from multinet.plan import Phase
    from multinet.view.journal import told

    return [
        Attached(
            namespace=record.plan.pod.namespace if record.plan.pod else "",
            name=record.plan.pod.name if record.plan.pod else record.plan.container_id,
            node=node,
            container_id=record.plan.container_id,
            state="attached" if record.phase is Phase.DONE else "intended",
            interfaces=told(record),
        )
        for record in journal.records
    ]


def networks_of_journal(journal: Journal, pods: Sequence[Attached]) -> list[Network]:
    """What the sandboxes of this node have, as it was configured for one of them."""
    conflists: dict[str, tuple[NetConfList, str]] = {}
    for record in journal.records:
        for one in record.plan.attachments:
            conflists[one.network] = one.conflist, one.resource
    used = uses(pods)
    return [
        Network(
            name=name,
            defined="/" in name,
            plugins=types_of(conflist),
            ipam=ipam_of(conflist),
            resource=resource,
            pods=pods_of(used.get(name, ())),
            interfaces=len(used.get(name, ())),
        )
        for name, (conflist, resource) in sorted(conflists.items(), key=lambda one: ("/" in one[0], one[0]))
    ]


def uses(pods: Iterable[Attached]) -> dict[str, list[tuple[Attached, NetworkStatus]]]:
    """Who has each network, and as what."""
    found: dict[str, list[tuple[Attached, NetworkStatus]]] = {}
    for pod in pods:
        for entry in pod.interfaces:
            found.setdefault(entry.name, []).append((pod, entry))
    return found


def pods_of(uses: Iterable[tuple[Attached, NetworkStatus]]) -> int:
    return len({(str(pod), pod.container_id) for pod, _ in uses})


def types_of(conflist: NetConfList) -> tuple[str, ...]:
    return tuple(str(plugin.get("type", "")) for plugin in conflist.plugins)


def ipam_of(conflist: NetConfList) -> str:
    return ", ".join(dict.fromkeys(_ipam_types(conflist)))


def _ipam_types(conflist: NetConfList) -> Iterator[str]:
    for plugin in conflist.plugins:
        ipam = plugin.get("ipam")
        if isinstance(ipam, Mapping) and ipam.get("type"):
            yield str(ipam["type"])


def to_json(pod: Attached) -> dict[str, Any]:
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "node": pod.node,
        "containerID": pod.container_id,
        "state": pod.state,
        "problem": pod.problem,
        "interfaces": [interface_to_json(entry) for entry in pod.interfaces],
    }


def interface_to_json(entry: NetworkStatus) -> dict[str, Any]:
    return {
        "interface": entry.interface,
        "network": entry.name,
        "default": entry.default,
        "addresses": [str(address) for address in entry.ips],
        "mac": entry.mac,
        "mtu": entry.mtu,
        "gateways": [str(gateway) for gateway in entry.gateway],
        "plugins": list(entry.plugins),
        "hostInterfaces": list(entry.host_interfaces),
    }


def network_to_json(network: Network) -> dict[str, Any]:
    return {
        "network": network.name,
        "defined": network.defined,
        "plugins": list(network.plugins),
        "ipam": network.ipam,
        "resource": network.resource,
        "pods": network.pods,
        "interfaces": network.interfaces,
        "problem": network.problem,
    }
