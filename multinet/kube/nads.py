"""Every NetworkAttachmentDefinition of the cluster, at the cost of little more than its text.

10,000 of them are 4 MB: of a good one the configuration is kept as it is, under one text for its name. What is
wrong with a definition is said to the pod that asks for it, and stands in no other's way. One that is far larger
than people write them is not kept at all, and asked for when a pod names it: whoever may make definitions could
fill every node's memory otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

from multinet.deadline import Deadline
from multinet.errors import MultinetError
from multinet.kube import paths
from multinet.kube.client import Api
from multinet.kube.watch import READ_SECONDS, Reflector
from multinet.npwg import nad
from multinet.npwg.annotations import RESOURCE_NAME
from multinet.npwg.nad import NetworkAttachmentDefinition

LONGEST_KEPT: Final = 64 << 10
"""Characters of a definition that are kept. A configuration has a few hundred; one with many plugins, thousands."""


class Size(Enum):
    TOO_LARGE = "too large to be kept"


Kept: TypeAlias = str | tuple[str, str] | dict[str, Any] | Size
"""The configuration; with its resource name, where it has one; what is left of an object that can't be read; only
that there is one.
"""


class NadCache:
    """The cluster's definitions as the API server had them when it was last heard."""

    def __init__(self, api: Api, *, read_seconds: float = READ_SECONDS) -> None:
        self._api = api
        self.reflector: Reflector[str, Kept] = Reflector(
            api, paths.NADS, name="definitions", keep=_keep, read_seconds=read_seconds
        )

    def get(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        """None: ask. Raises InvalidConfig for one that can't be read."""
        kept = self.reflector.get(f"{namespace}/{name}")
        if kept is None or isinstance(kept, Size):
            return None
        if isinstance(kept, dict):
            return nad.parse(kept)
        config, resource_name = (kept, "") if isinstance(kept, str) else kept
        return NetworkAttachmentDefinition(
            namespace=namespace, name=name, config=config, resource_name=resource_name
        )

    def too_large(self, namespace: str, name: str) -> bool:
        """Is it known, and not kept?"""
        return self.reflector.get(f"{namespace}/{name}") is Size.TOO_LARGE

    def ask(self, namespace: str, name: str, deadline: Deadline) -> NetworkAttachmentDefinition:
        """As the server has it now. Raises ApiNotFound, ApiUnavailable; InvalidConfig as ``get`` does."""
        return nad.parse(self._api.get(paths.nad(namespace, name), deadline=deadline))


def _keep(obj: Mapping[str, Any]) -> tuple[str, Kept]:
    metadata = obj["metadata"]
    key = f"{metadata['namespace']}/{metadata['name']}"
    try:
        definition = nad.parse(obj)
    except MultinetError:
        reduced = _reduced(obj)
        return key, reduced if len(json.dumps(reduced)) <= LONGEST_KEPT else Size.TOO_LARGE
    if len(definition.config) + len(definition.resource_name) > LONGEST_KEPT:
        return key, Size.TOO_LARGE
    if definition.resource_name:
        return key, (definition.config, definition.resource_name)
    return key, definition.config


def _reduced(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What ``nad.parse`` looks at: it will say again what is wrong."""
    metadata: dict[str, Any] = {key: obj["metadata"][key] for key in ("namespace", "name")}
    annotations = obj["metadata"].get("annotations") or {}
    if RESOURCE_NAME in annotations:
        metadata["annotations"] = {RESOURCE_NAME: annotations[RESOURCE_NAME]}
    return {**{key: obj[key] for key in ("apiVersion", "kind", "spec") if key in obj}, "metadata": metadata}
