"""Paths of the Kubernetes API: how ours are written, and what one asks for, in the words of RBAC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

PODS = "/api/v1/pods"
EVENTS = "/api/v1/events"
NADS = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions"
RESOURCE_SLICES = "/apis/resource.k8s.io/v1/resourceslices"

_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


def pods(namespace: str = "") -> str:
    """All of them, or a namespace's."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods" if namespace else PODS


def pod(namespace: str, name: str) -> str:
    return f"{pods(namespace)}/{quote(name, safe='')}"


def node(name: str) -> str:
    return f"/api/v1/nodes/{quote(name, safe='')}"


def pod_status(namespace: str, name: str) -> str:
    return f"{pod(namespace, name)}/status"


def nads(namespace: str = "") -> str:
    """All of them, or a namespace's."""
    folder, _, resource = NADS.rpartition("/")
    return f"{folder}/namespaces/{quote(namespace, safe='')}/{resource}" if namespace else NADS


def nad(namespace: str, name: str) -> str:
    return f"{nads(namespace)}/{quote(name, safe='')}"


def daemon_set(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/daemonsets/{quote(name, safe='')}"


def config_map(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"


def resource_claim(namespace: str, name: str) -> str:
    return f"/apis/resource.k8s.io/v1/namespaces/{quote(namespace, safe='')}/resourceclaims/{quote(name, safe='')}"


def events(namespace: str = "") -> str:
    """All of them, or a namespace's."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/events" if namespace else EVENTS


def event(namespace: str, name: str) -> str:
    return f"{events(namespace)}/{quote(name, safe='')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a request asks for. ``str()`` completes "could not ...": ``patch pods/status shop/cart-0``."""

    verb: str
    resource: str
    """With the subresource; the path itself for what is no resource (``/readyz``)."""
    namespace: str = ""
    name: str = ""

    @classmethod
    def of(cls, method: str, path: str, *, watch: bool = False) -> Self:
        """``/api/v1/...`` and ``/apis/GROUP/VERSION/...``, each with or without ``namespaces/NAME`` first."""
        root, *steps = path.strip("/").split("/")
        place = steps[{"api": 1, "apis": 2}.get(root, len(steps)) :]
        if not place:
            return cls(verb=_VERBS.get(method, method.lower()), resource=path)
        namespace = ""
        if place[0] == "namespaces" and len(place) > 2:
            namespace, place = unquote(place[1]), place[2:]
        name = unquote(place[1]) if len(place) > 1 else ""
        reading = "watch" if watch else "get" if name else "list"
        return cls(
            verb=_VERBS.get(method, reading),
            resource="/".join([place[0], *place[2:]]),
            namespace=namespace,
            name=name,
        )

    def __str__(self) -> str:
        which = f"{self.namespace}/{self.name}" if self.namespace and self.name else self.name
        where = f"in {self.namespace}" if self.namespace and not self.name else ""
        return " ".join(filter(None, [self.verb, self.resource, which, where]))
