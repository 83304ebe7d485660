"""Manifests as people write them, for the commands that read them: a definition, a pod, a Deployment."""

from __future__ import annotations

import json
from typing import Any

NETWORKS = "k8s.v1.cni.cncf.io/networks"
DEFAULT = "v1.multus-cni.io/default-network"
IPAM = {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]]}
BRIDGE = {"cniVersion": "1.0.0", "type": "bridge", "capabilities": {"ips": True, "mac": True}, "ipam": IPAM}


def nad(
    config: object, name: str = "net-a", *, namespace: str = "shop", resource: str = ""
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if resource:
        metadata["annotations"] = {"k8s.v1.cni.cncf.io/resourceName": resource}
    text = config if isinstance(config, str) else json.dumps(config)
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": metadata,
        "spec": {"config": text},
    }


def pod(networks: object, /, *, spec: dict[str, Any] | None = None, default: str = "") -> dict[str, Any]:
    text = networks if isinstance(networks, str) else json.dumps(networks)
    said = {NETWORKS: text} if text else {}
    if default:
        said[DEFAULT] = default
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cart-0", "namespace": "shop", "annotations": said},
        "spec": spec or {"containers": []},
    }


def deployment(replicas: int, networks: object) -> dict[str, Any]:
    template = pod(networks)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"annotations": template["metadata"]["annotations"]}, "spec": {}},
        },
    }


def manifest(*objects: dict[str, Any]) -> str:
    return "---\n".join(json.dumps(one) + "\n" for one in objects)
