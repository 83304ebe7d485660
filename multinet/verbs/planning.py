"""Request -> Plan: who the pod is, and what it is to get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from multinet.cni import jsonkeys
from multinet.cni.request import Request, Verb
from multinet.errors import BadEnvironment, inside
from multinet.plan import Plan, Pod
from multinet.resolve import Asked, resolve
from multinet.resolve.devices import Allocated
from multinet.verbs.node import Node

POD_ANNOTATIONS: Final = "io.kubernetes.cri.pod-annotations"
"""The capability by which containerd and CRI-O hand over the annotations of the pod they are starting."""


def pod_of(request: Request, node: Node) -> Pod | None:
    """The pod that CNI_ARGS names; None for a container that is not of a pod.

    The cluster is asked only where the runtime does not hand over the annotations. Those it does are the
    pod's own at its start, whatever the cluster has heard of it by now.
    """
    namespace, name = request.args.get("K8S_POD_NAMESPACE"), request.args.get("K8S_POD_NAME")
    if not namespace and not name:
        return None
    if not namespace or not name:
        missing = "K8S_POD_NAMESPACE" if not namespace else "K8S_POD_NAME"
        raise BadEnvironment(f"CNI_ARGS names a pod without {missing}", hint="the runtime must give both")
    for key, value in ("NAMESPACE", namespace), ("NAME", name):
        if "/" in value or value in (".", ".."):  # a step in a path of the API server's, which unquotes first
            raise BadEnvironment(f"K8S_POD_{key} of CNI_ARGS is no pod's: {value}")
    uid = request.args.get("K8S_POD_UID")
    annotations = annotations_of(request)
    if annotations is None:
        return node.cluster.pod(namespace, name, uid)
    return Pod(namespace=namespace, name=name, uid=uid, annotations=annotations)


def annotations_of(request: Request) -> Mapping[str, str] | None:
    """The annotations that the runtime handed over; None when it did not. ``null`` is how it says "none"."""
    told = request.conf.runtime_config
    if POD_ANNOTATIONS not in told:
        return None
    with inside("runtimeConfig"):
        annotations = jsonkeys.mapping(told, POD_ANNOTATIONS) or {}
        with inside(f".{POD_ANNOTATIONS}"):
            return {key: jsonkeys.string(annotations, key) for key in annotations}


def plan_for(request: Request, node: Node, *, ask_the_pod: bool = True) -> Plan:
    """Raises the first thing that is wrong with what the pod asks for.

    ``ask_the_pod`` False: what a container without a pod gets, the cluster's own networks.
    """
    pod = pod_of(request, node) if ask_the_pod else None
    asked = Asked(
        container_id=request.container_id,
        ifname=request.ifname,
        netns=request.netns,
        args=request.args,
        runtime_config=request.conf.runtime_config,
    )
    return resolve(
        asked,
        pod,
        node.settings,
        node.cluster.definition,
        node.configurations,
        devices_of(pod, node) if pod or request.verb is Verb.ADD else None,
    )


def devices_of(pod: Pod | None, node: Node) -> Callable[[], Allocated]:
    """A container that is not of a pod has none."""
    return lambda: node.cluster.devices(pod) if pod else {}
