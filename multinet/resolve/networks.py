"""Which definition a name means, and whether the pod may use it: the one question that every path asks.

Namespace isolation is ``permit``. The annotation, the default-network annotation and the cluster's own
networks all come through it; so will hot-plug.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from multinet.config import Settings
from multinet.errors import InvalidConfig, IsolationError
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.plan import Pod

FindDefinition = Callable[[str, str], NetworkAttachmentDefinition | None]
"""namespace, name -> the definition, or None when there is none of that name."""


class Chooser(Enum):
    """Who asks for a network."""

    CLUSTER = "the settings of the node"
    POD = "an annotation of the pod"


class Permission(Enum):
    """Why a pod may use a definition."""

    OFF = "namespaceIsolation is off"
    CHOSEN = "the settings of the node choose it for every pod"
    OWN = "it is of the pod's own namespace"
    SHARED = "its namespace is shared (globalNamespaces)"
    NONE = "namespaceIsolation is on, and its namespace is neither the pod's own nor shared"


def permission(settings: Settings, pod: Pod | None, namespace: str, chooser: Chooser) -> Permission:
    """May the pod use a definition of that namespace, and why?

    What the cluster's administrator chose for every pod needs no permission of the pod's.
    """
    if chooser is Chooser.CLUSTER or pod is None:
        return Permission.CHOSEN
    if not settings.namespace_isolation:
        return Permission.OFF
    if namespace == pod.namespace:
        return Permission.OWN
    return Permission.SHARED if namespace in settings.global_namespaces else Permission.NONE


def permit(settings: Settings, pod: Pod | None, namespace: str, name: str, chooser: Chooser) -> None:
    """Raise IsolationError unless the pod may use a definition of that namespace."""
    if permission(settings, pod, namespace, chooser) is not Permission.NONE:
        return
    assert pod is not None, "only a pod is refused anything"
    shared = ", ".join(sorted(settings.global_namespaces)) or "none"
    raise IsolationError(
        f"the pod {pod} may not use {namespace}/{name}: namespaceIsolation is on",
        hint=f"use a definition of namespace {pod.namespace!r}, or of a shared one (globalNamespaces: {shared})",
    )


def definition(
    find: FindDefinition, settings: Settings, pod: Pod | None, namespace: str, name: str, chooser: Chooser
) -> NetworkAttachmentDefinition:
    """The definition that is meant. Permission is asked first: a pod does not learn what exists elsewhere."""
    permit(settings, pod, namespace, name, chooser)
    found = find(namespace, name)
    if found is None:
        raise InvalidConfig(
            f"there is no NetworkAttachmentDefinition {namespace}/{name}",
            hint=f"create it, or correct what {chooser.value} says",
        )
    return found
