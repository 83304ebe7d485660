"""Pods and definitions from ``*.yaml``, ``*.yml`` and ``*.json`` files of a folder.

A file may hold several documents and ``List`` objects; kinds we have no use for are passed over. A pod's
network-status is written to a file of its own, ``<namespace>.<pod>.status.json``, as the piece of a Pod
that an API server would have merged: what a person wrote is never rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from multinet import files, yamls
from multinet.cni.jsonkeys import kind
from multinet.errors import DecodingFailure, InvalidConfig, IOFailure, MultinetError, inside
from multinet.npwg import nad, status
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod

SUFFIXES = (".yaml", ".yml", ".json")
STATUS_SUFFIX = ".status.json"
HOME = "default"
"""The namespace of an object that names none, as kubectl has it."""


class FolderCluster:
    """The folder as one request sees it: read once, when first asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        """The pod's manifest, or a pod without annotations when there is none: a plain container is served
        too.
        """
        found = self._find("Pod", namespace, name)
        if found is None:
            return Pod(namespace=namespace, name=name, uid=uid)
        path, document = found
        metadata = metadata_of(document)
        with inside(str(path)):
            return Pod(
                namespace=namespace,
                name=name,
                uid=uid or str(metadata.get("uid", "")),
                annotations=annotations_of(metadata),
            )

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        found = self._find("NetworkAttachmentDefinition", namespace, name)
        if found is None:
            return None
        path, document = found
        with inside(str(path)):
            return nad.parse(document, home=HOME)

    def devices(self, pod: Pod) -> Mapping[str, Sequence[str] | None]:
        """Nothing allocates devices here; an annotation may name one by ``deviceID``."""
        return {}

    def publish(self, pod: Pod, entries: Sequence[NetworkStatus]) -> None:
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": pod.namespace,
                "name": pod.name,
                **({"uid": pod.uid} if pod.uid else {}),
                "annotations": {NETWORK_STATUS: status.write(entries)},
            },
        }
        files.write_atomic(self.status_file(pod.namespace, pod.name), json.dumps(document, indent=2).encode())

    def published(self, pod: Pod) -> tuple[NetworkStatus, ...]:
        """The status that was written for a pod; () when there is none."""
        try:
            document = json.loads(self.status_file(pod.namespace, pod.name).read_bytes())
        except FileNotFoundError:
            return ()
        return status.parse(document["metadata"]["annotations"][NETWORK_STATUS])

    def withdraw(self, pod: Pod) -> None:
        """The pod is gone, and its status with it."""
        file = self.status_file(pod.namespace, pod.name)
        files.remove(file)
        files.remove(files.temporary(file))

    def status_file(self, namespace: str, name: str) -> Path:
        return self._folder / f"{namespace}.{name}{STATUS_SUFFIX}"

    def _find(self, wanted: str, namespace: str, name: str) -> tuple[Path, Mapping[str, Any]] | None:
        """The object of that name, and the file it is in.

        A file that can't be read only matters to what is not found in another: it may be in there, and a pod
        that did not get its networks is worse than one that did not start.
        """
        objects, unread = self._content
        found = [
            (path, one)
            for path, one in objects
            if one.get("kind") == wanted and name_of(metadata_of(one)) == (namespace, name)
        ]
        if len(found) > 1:
            raise InvalidConfig(
                f"{found[0][0]} and {found[1][0]} both hold the {wanted} {namespace}/{name}",
                hint="remove one of them",
            )
        if not found and unread is not None:
            raise unread
        return found[0] if found else None

    @cached_property
    def _content(self) -> tuple[list[tuple[Path, Mapping[str, Any]]], MultinetError | None]:
        """Every object with its file, and what is wrong with the first file that can't be read."""
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix in SUFFIXES)
        except OSError as error:
            raise IOFailure(
                f"could not read the folder {self._folder}: {error.strerror}",
                hint="the setting 'folder' names it: make it, or correct the setting",
            ) from error
        objects: list[tuple[Path, Mapping[str, Any]]] = []
        unread: MultinetError | None = None
        for path in paths:
            if path.name.endswith(STATUS_SUFFIX) or path.name.startswith("."):
                continue  # ours; an editor's
            try:
                objects += [(path, one) for one in read_objects(path)]
            except MultinetError as error:
                unread = unread or error
        return objects, unread


def read_objects(path: Path) -> Iterator[Mapping[str, Any]]:
    """Every object of a YAML (or JSON) file. Raises DecodingFailure with the line, IOFailure."""
    try:
        documents = [document for _, document in yamls.load_all(path.read_bytes())]
    except OSError as error:
        raise IOFailure(f"could not read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DecodingFailure(f"{path} is not YAML: {yamls.told(error)}", hint="correct the file") from error
    for document in documents:
        if not isinstance(document, Mapping):
            if document is None:
                continue
            raise DecodingFailure(
                f"{path}: expected Kubernetes objects, got {kind(document)}",
                hint="each document of the file needs 'apiVersion', 'kind' and 'metadata'",
            )
        if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            yield from (item for item in document["items"] if isinstance(item, Mapping))
        else:
            yield document


def metadata_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def name_of(metadata: Mapping[str, Any]) -> tuple[object, object]:
    return metadata.get("namespace") or HOME, metadata.get("name")


def annotations_of(metadata: Mapping[str, Any]) -> Mapping[str, str]:
    found = metadata.get("annotations") or {}
    with inside(f"{metadata.get('namespace', HOME)}/{metadata.get('name')}"):
        if not isinstance(found, Mapping):
            raise InvalidConfig("metadata.annotations: expected an object")
        for key, value in found.items():
            if not isinstance(value, str):
                raise InvalidConfig(
                    f"metadata.annotations: the value of {key!r} is not a text", hint="put it into quotes"
                )
    return dict(found)
