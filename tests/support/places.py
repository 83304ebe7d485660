"""Where an object is at the API server, by its kind: for those kinds that tests make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

PLURALS: Mapping[str, str] = {
    "DeviceClass": "deviceclasses",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "NetworkAttachmentDefinition": "network-attachment-definitions",
}
"""Of kinds that don't just take an s."""
CLUSTER_WIDE = {
    *("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "DeviceClass", "Namespace", "Node"),
    *("PriorityClass", "ResourceSlice", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
}


def place(one: Mapping[str, Any]) -> str:
    """The path of an object."""
    version, kind, metadata = one["apiVersion"], one["kind"], one["metadata"]
    return "/".join(
        [
            f"/apis/{version}" if "/" in version else f"/api/{version}",
            *([] if kind in CLUSTER_WIDE else ["namespaces", metadata.get("namespace", "default")]),
            PLURALS.get(kind, f"{kind.lower()}s"),
            quote(metadata["name"], safe=":"),
        ]
    )


def path_of(version: str, kind: str, name: str, namespace: str = "") -> str:
    """``path_of("apps/v1", "Deployment", "web", "default")``"""
    return place({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}})
