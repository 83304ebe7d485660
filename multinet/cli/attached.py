"""Which pod has which networks: by network-status of a cluster's pods, or by this node's journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from multinet.errors import MultinetError
from multinet.npwg import status
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORK_STATUS, NETWORKS
from multinet.npwg.status import NetworkStatus

if TYPE_CHECKING:
    from multinet.cli.node.journal import Journal
    from multinet.cli.objects import Object
    from multinet.cli.sources import Cluster
    from multinet.cni.netconf import NetConfList

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


def of_cluster(
    cluster: Cluster, *, namespace: str = "", node: str = "", everyone: bool = False
) -> list[Attached]:
    """By pod. ``everyone``: those without networks of their own, too."""
    found = map(of_pod, cluster.pods(namespace, node=node))
    return sorted((one for one in found if everyone or one.state != "plain"), key=str)


def of_pod(pod: Object) -> Attached:
    annotations = pod.metadata.get("annotations") or {}
    told: tuple[NetworkStatus, ...] = ()
    problem = ""
    if NETWORK_STATUS in annotations:
        state = "attached"
        try:
            told = status.parse(annotations[NETWORK_STATUS])
        except MultinetError as error:
            state, problem = "unreadable", str(error)
    else:
        state = "asked" if annotations.get(NETWORKS) or annotations.get(DEFAULT_NETWORK) else "plain"
    return Attached(
        namespace=pod.namespace,
        name=pod.name,
        node=str((pod.document.get("spec") or {}).get("nodeName") or ""),
        state=state,
        problem=problem,
        interfaces=told,
    )


def of_journal(journal: Journal, node: str) -> list[Attached]:
    from multinet.cli.node.journal import told
    from multinet.plan import Phase

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


def networks(definitions: Iterable[Object], pods: Sequence[Attached]) -> list[Network]:
    """Every definition, and what else the pods have: by name."""
    used: dict[str, list[tuple[Attached, NetworkStatus]]] = {}
    for pod in pods:
        for entry in pod.interfaces:
            used.setdefault(entry.name, []).append((pod, entry))
    defined = [_defined(one, used.pop(str(one), [])) for one in definitions]
    others = [_told(name, uses) for name, uses in used.items()]
    return sorted([*defined, *others], key=lambda network: (network.defined, network.name))


def networks_of_journal(journal: Journal, pods: Sequence[Attached]) -> list[Network]:
    """What the sandboxes of this node have, as it was configured for one of them."""
    conflists: dict[str, tuple[NetConfList, str]] = {}
    for record in journal.records:
        for one in record.plan.attachments:
            conflists[one.network] = one.conflist, one.resource
    found = networks((), pods)
    told = {network.name for network in found}
    found += [_told(name, []) for name in conflists if name not in told]
    return [
        Network(
            name=network.name,
            defined="/" in network.name,
            plugins=_types(conflist),
            ipam=_ipam(conflist),
            resource=resource,
            pods=network.pods,
            interfaces=network.interfaces,
        )
        for network in sorted(found, key=lambda network: ("/" in network.name, network.name))
        for conflist, resource in [conflists[network.name]]
    ]


def _defined(one: Object, uses: Sequence[tuple[Attached, NetworkStatus]]) -> Network:
    from multinet.cni.netconf import NetConfList

    plugins: tuple[str, ...] = ()
    ipam = resource = problem = ""
    try:
        definition = one.definition()
        resource = definition.resource_name
        if definition.config:
            conflist = NetConfList.parse(definition.config, default_name=definition.name)
            plugins, ipam = _types(conflist), _ipam(conflist)
        elif uses:  # its configuration is in a file of each node
            plugins = uses[0][1].plugins
    except MultinetError as error:
        problem = str(error)
    return Network(
        name=str(one),
        defined=True,
        plugins=plugins,
        ipam=ipam,
        resource=resource,
        problem=problem,
        pods=_pods(uses),
        interfaces=len(uses),
    )


def _told(name: str, uses: Sequence[tuple[Attached, NetworkStatus]]) -> Network:
    return Network(
        name=name,
        defined=False,
        plugins=next((entry.plugins for _, entry in uses if entry.plugins), ()),
        ipam="",
        resource="",
        problem="its definition is gone" if "/" in name else "",
        pods=_pods(uses),
        interfaces=len(uses),
    )


def _pods(uses: Iterable[tuple[Attached, NetworkStatus]]) -> int:
    return len({(str(pod), pod.container_id) for pod, _ in uses})


def _types(conflist: NetConfList) -> tuple[str, ...]:
    return tuple(str(plugin.get("type", "")) for plugin in conflist.plugins)


def _ipam(conflist: NetConfList) -> str:
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
