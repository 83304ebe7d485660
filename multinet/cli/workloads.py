"""Pods and what makes pods: the pod that each object means, and what it says outside of where it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from multinet.cli.findings import Finding, Severity
from multinet.cli.objects import Object
from multinet.errors import InvalidConfig, inside
from multinet.folder.cluster import annotations_of
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.plan import Pod

TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "PodTemplate": ("template",),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
}
"""Where each has what its pods are made of."""
OURS: Final = (NETWORKS, DEFAULT_NETWORK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """A pod, or what pods are made of. ``pod.name`` is then the maker's: the pods' begin with it."""

    origin: Object
    pod: Pod
    spec: Mapping[str, Any]
    path: tuple[str, ...]
    """Where in the object the pod is."""
    replicas: int

    @property
    def is_template(self) -> bool:
        return bool(self.path)

    @property
    def on_host_network(self) -> bool:
        return self.spec.get("hostNetwork") is True

    @property
    def told(self) -> str:
        """For people: ``Pod shop/cart-0``, ``pods of the Deployment shop/cart``."""
        return f"pods of the {self.origin.kind} {self.pod}" if self.is_template else f"Pod {self.pod}"


def is_one(one: Object) -> bool:
    return one.kind == "Pod" or one.kind in TEMPLATES


def of(one: Object, namespace: str) -> Workload:
    """``namespace``: where it would be made if it names none. Raises InvalidConfig."""
    path = TEMPLATES.get(one.kind, ())
    template: Any = one.document
    for step in path:
        template = template.get(step) if isinstance(template, Mapping) else None
    if not isinstance(template, Mapping):
        with inside(one.where):
            raise InvalidConfig(f"{'.'.join(path)} is not an object: there is no pod in it")
    metadata, spec = (_mapping(template.get(key)) for key in ("metadata", "spec"))
    home = str(one.metadata.get("namespace") or namespace)
    pod = Pod(
        namespace=home,
        name=one.name,
        uid="" if path else str(metadata.get("uid") or ""),
        annotations=annotations_of({**metadata, "namespace": home, "name": one.name}),
    )
    replicas = _mapping(one.document.get("spec")).get("replicas", 1) if path else 1
    return Workload(
        origin=one,
        pod=pod,
        spec=spec,
        path=path,
        replicas=replicas if isinstance(replicas, int) else 1,
    )


def misplaced(one: Workload) -> Iterator[Finding]:
    """What its author meant for pods, and no pod gets."""
    outside = _mapping(one.origin.metadata.get("annotations")) if one.is_template else {}
    for key in OURS:
        if key in outside and key not in one.pod.annotations:
            yield Finding(
                where=_where(one, "metadata", "annotations", key),
                severity=Severity.WARNING,
                rule="annotation-not-on-pods",
                message=f"{key} is on the {one.origin.kind} and not on its pods, which get nothing by it",
                remedy=f"move it to {'.'.join(one.path)}.metadata.annotations",
            )
    for key in OURS:
        if one.on_host_network and one.pod.annotations.get(key, "").strip():
            yield Finding(
                where=_where(one, *one.path, "metadata", "annotations", key),
                severity=Severity.WARNING,
                rule="host-network",
                message=f"{key} has no effect: hostNetwork is true, and no CNI plugin is called for such a pod",
                remedy="remove hostNetwork, or the annotation",
            )


def _where(one: Workload, *path: str) -> str:
    origin = one.origin
    return f"{origin.file}:{origin.line(*path)}" if origin.file else origin.where


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
