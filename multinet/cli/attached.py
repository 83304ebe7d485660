"""Which pod of a cluster has which networks: by network-status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from multinet.errors import MultinetError
from multinet.npwg import status
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORK_STATUS, NETWORKS
from multinet.npwg.status import NetworkStatus
from multinet.view.attached import Attached, Network, ipam_of, pods_of, types_of, uses

if TYPE_CHECKING:
    from multinet.cli.objects import Object
    from multinet.cli.sources import Cluster


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


def networks(definitions: Iterable[Object], pods: Sequence[Attached]) -> list[Network]:
    """Every definition, and what else the pods have: by name."""
    used = uses(pods)
    defined = [_defined(one, used.pop(str(one), [])) for one in definitions]
    others = [_told(name, having) for name, having in used.items()]
    return sorted([*defined, *others], key=lambda network: (network.defined, network.name))


def _defined(one: Object, uses: Sequence[tuple[Attached, NetworkStatus]]) -> Network:
    from multinet.cni.netconf import NetConfList

    plugins: tuple[str, ...] = ()
    ipam = resource = problem = ""
    try:
        definition = one.definition()
        resource = definition.resource_name
        if definition.config:
            conflist = NetConfList.parse(definition.config, default_name=definition.name)
            plugins, ipam = types_of(conflist), ipam_of(conflist)
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
        pods=pods_of(uses),
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
        pods=pods_of(uses),
        interfaces=len(uses),
    )
