"""Objects in a real API server, made as its administrator. Where they exist they are made so."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.controlplane import AGENT, MERGE_PATCH, NODE, ROOT, ControlPlane, Refused
from tests.support.wait import until

CRD = ROOT / "crds" / "network-attachment-definition.yaml"
RBAC = ROOT / "deploy" / "manifests" / "rbac.yaml"

NADS = "/apis/k8s.cni.cncf.io/v1/namespaces/{namespace}/network-attachment-definitions"

_PLACES = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}

_numbers = itertools.count(1)


def install(plane: ControlPlane) -> None:
    """What an installation has: the kind NetworkAttachmentDefinition, the agent's account and its rules."""
    for file in (CRD, RBAC):
        apply_manifest(plane, file.read_text())
    name = "network-attachment-definitions.k8s.cni.cncf.io"
    path = f"{_PLACES['CustomResourceDefinition']}/{name}"

    def established() -> bool:
        conditions = plane.ask("GET", path).get("status", {}).get("conditions", [])
        return any(had["type"] == "Established" and had["status"] == "True" for had in conditions)

    until(established, seconds=20, what="the kind NetworkAttachmentDefinition to be served")
    until(lambda: _listed(plane), seconds=20, what="the agent to be allowed to list definitions")


def _listed(plane: ControlPlane) -> bool:
    """As the agent: both the kind and the rules take a moment to reach the server's caches."""
    try:
        return bool(plane.ask("GET", "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions", user=AGENT))
    except Refused:
        return False


def apply_manifest(plane: ControlPlane, text: str) -> None:
    for manifest in yaml.safe_load_all(text):
        metadata = manifest["metadata"]
        place = _PLACES[manifest["kind"]].format(namespace=metadata.get("namespace", ""))
        plane.apply(f"{place}/{metadata['name']}", manifest)


def namespace(plane: ControlPlane, name: str = "") -> str:
    """A namespace; without a name, one that nobody has used."""
    made = name or f"ns-{next(_numbers)}"
    plane.apply(
        f"/api/v1/namespaces/{made}",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made}},
    )
    return made


def nad(
    plane: ControlPlane,
    namespace: str,
    name: str,
    config: Mapping[str, Any] | str | None = None,
    *,
    resource_name: str = "",
) -> dict[str, Any]:
    """A NetworkAttachmentDefinition; ``config`` is an object or the text as it is."""
    text = config if isinstance(config, str) else json.dumps(config)
    annotations = {"k8s.v1.cni.cncf.io/resourceName": resource_name} if resource_name else {}
    body: dict[str, Any] = {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {} if config is None else {"config": text},
    }
    return plane.apply(f"{NADS.format(namespace=namespace)}/{name}", body)


def delete_nad(plane: ControlPlane, namespace: str, name: str) -> None:
    plane.ask("DELETE", f"{NADS.format(namespace=namespace)}/{name}")


def pod(
    plane: ControlPlane,
    namespace: str,
    name: str,
    annotations: Mapping[str, str] | None = None,
    *,
    node: str = NODE,
    containers: list[dict[str, Any]] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A pod bound to a node; no kubelet will ever look at it."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": containers or [{"name": "main", "image": "none"}],
            **(spec or {}),
        },
    }
    return plane.ask("POST", f"/api/v1/namespaces/{namespace}/pods", body)


def node(plane: ControlPlane, name: str, *taints: Mapping[str, str]) -> dict[str, Any]:
    """A node that no kubelet stands behind. The API server adds the taint of one that is not ready by itself."""
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"taints": [dict(taint) for taint in taints]},
    }
    return plane.ask("POST", "/api/v1/nodes", body)


def taints(plane: ControlPlane, node: str) -> list[str]:
    """The keys of a node's."""
    return [taint["key"] for taint in plane.ask("GET", f"/api/v1/nodes/{node}")["spec"].get("taints", [])]


def get_pod(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    return plane.ask("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")


def annotate(
    plane: ControlPlane, namespace: str, name: str, annotations: Mapping[str, str | None]
) -> dict[str, Any]:
    """Set (or with None remove) annotations of a pod."""
    body = {"metadata": {"annotations": dict(annotations)}}
    return plane.ask("PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}", body, content_type=MERGE_PATCH)


def delete_pod(plane: ControlPlane, namespace: str, name: str) -> None:
    """At once: there is no kubelet that would have to agree."""
    plane.ask("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", {"gracePeriodSeconds": 0})


def events(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = plane.ask("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
    return items
