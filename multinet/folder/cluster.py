"""Pods and definitions from ``*.yaml``, ``*.yml`` and ``*.json`` files of a folder.

A file may hold several documents and ``List`` objects; kinds we have no use for are passed over. A pod's
network-status is written to a file of its own, ``<namespace>.<pod>.status.json``, as the piece of a Pod
that an API server would have merged: what a person wrote is never rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from multinet import files
from multinet.cni.jsonkeys import kind
from multinet.errors import DecodingFailure, InvalidConfig, IOFailure, inside
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
    """Reads the folder anew each time: it is small, and a person edits it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        """The pod's manifest, or a pod without annotations when there is none: a plain container is served
        too.
        """
        for path, document in self._objects("Pod"):
            metadata = metadata_of(document)
            if (metadata.get("namespace", HOME), metadata.get("name")) == (namespace, name):
                with inside(str(path)):
                    return Pod(
                        namespace=namespace,
                        name=name,
                        uid=uid or str(metadata.get("uid", "")),
                        annotations=annotations_of(metadata),
                    )
        return Pod(namespace=namespace, name=name, uid=uid)

    def pods(self) -> list[Pod]:
        """Every pod of the folder, in the order of the files."""
        return [
            Pod(
                namespace=metadata.get("namespace", HOME),
                name=str(metadata.get("name", "")),
                uid=str(metadata.get("uid", "")),
                annotations=annotations_of(metadata),
            )
            for _, document in self._objects("Pod")
            for metadata in [metadata_of(document)]
        ]

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        for path, document in self._objects("NetworkAttachmentDefinition"):
            metadata = metadata_of(document)
            if (metadata.get("namespace", HOME), metadata.get("name")) == (namespace, name):
                with inside(str(path)):
                    return nad.parse(document, home=HOME)
        return None

    def devices(self, pod: Pod) -> Mapping[str, Sequence[str]]:
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

    def _objects(self, wanted: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Every object of that kind, and the file it is in."""
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix in SUFFIXES)
        except OSError as error:
            raise IOFailure(
                f"could not read the folder {self._folder}: {error.strerror}",
                hint="the setting 'folder' names it: make it, or correct the setting",
            ) from error
        for path in paths:
            if not path.name.endswith(STATUS_SUFFIX):
                yield from ((path, one) for one in read_objects(path) if one.get("kind") == wanted)


def read_objects(path: Path) -> Iterator[Mapping[str, Any]]:
    """Every object of a YAML (or JSON) file. Raises DecodingFailure with the line, IOFailure."""
    try:
        documents = list(yaml.load_all(path.read_bytes(), Loader=_LOADER))
    except OSError as error:
        raise IOFailure(f"could not read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DecodingFailure(f"{path} is not YAML: {_told(error)}", hint="correct the file") from error
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


def _told(error: Exception) -> str:
    """What the reader expected, and where: ``did not find expected key (line 3, column 1)``."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem} (line {mark.line + 1}, column {mark.column + 1})"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.reason} (position {error.position})"
    return str(error)


def metadata_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


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


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
