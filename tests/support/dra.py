"""ResourceClaims, ResourceSlices and what a scheduler writes of them, in a real API server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.support.controlplane import MERGE_PATCH, NODE, ControlPlane

RESOURCE = "/apis/resource.k8s.io/v1"
DRIVER = "sriov.example.com"


def device(name: str, device_id: str = "", resource: str = "", **more: str) -> dict[str, Any]:
    """One of a slice, with the attributes that are not empty."""
    said = {"k8s.cni.cncf.io/deviceID": device_id, "k8s.cni.cncf.io/resourceName": resource, **more}
    return {"name": name, "attributes": {key: {"string": value} for key, value in said.items() if value}}


def resource_slice(
    plane: ControlPlane,
    pool: str,
    *devices: Mapping[str, Any],
    driver: str = DRIVER,
    node: str = NODE,
    generation: int = 1,
) -> None:
    """``node`` "" for devices that every node reaches."""
    place = {"nodeName": node} if node else {"allNodes": True}
    body = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"generateName": "slice-"},
        "spec": {
            "driver": driver,
            "pool": {"name": pool, "generation": generation, "resourceSliceCount": 1},
            "devices": list(devices),
            **place,
        },
    }
    plane.ask("POST", f"{RESOURCE}/resourceslices", body)


def claim(
    plane: ControlPlane,
    namespace: str,
    name: str,
    *requests: str,
    allocate: Iterable[tuple[str, str, str]] = (),
) -> None:
    """A ResourceClaim; ``allocate``: request, pool and device."""
    path = f"{RESOURCE}/namespaces/{namespace}/resourceclaims"
    asked = [{"name": one, "exactly": {"deviceClassName": "nic.example.com"}} for one in requests]
    body = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name},
        "spec": {"devices": {"requests": asked}},
    }
    plane.ask("POST", path, body)
    if allocate:
        allocated(plane, namespace, name, *allocate)


def allocated(plane: ControlPlane, namespace: str, name: str, *given: tuple[str, str, str]) -> None:
    results = [
        {"request": request, "driver": DRIVER, "pool": pool, "device": device}
        for request, pool, device in given
    ]
    path = f"{RESOURCE}/namespaces/{namespace}/resourceclaims/{name}/status"
    body = {"status": {"allocation": {"devices": {"results": results}}}}
    plane.ask("PATCH", path, body, content_type=MERGE_PATCH)


def pod_status(plane: ControlPlane, namespace: str, name: str, **status: Any) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
    plane.ask("PATCH", path, {"status": status}, content_type=MERGE_PATCH)
