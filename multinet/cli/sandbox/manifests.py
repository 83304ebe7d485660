"""Pods and definitions from the files a person wrote, laid down as an API server would keep them: by name.

Only the latest of a name counts, whatever file it came from. What was written is copied, never changed, so
nothing of the sandbox ends up beside the files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multinet import files
from multinet.errors import InvalidConfig, IOFailure, MultinetError, inside
from multinet.folder.cluster import HOME, SUFFIXES, annotations_of, metadata_of, read_objects
from multinet.npwg import values

KINDS = {"Pod": "pod", "NetworkAttachmentDefinition": "network"}
"""Kind -> the word for it in the file's name."""

CONFIGURATIONS = "net.d"
"""The folder beside the manifests for configurations that definitions leave to the node."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Object:
    """A Pod or a NetworkAttachmentDefinition, and where it was written."""

    kind: str
    namespace: str
    name: str
    file: Path
    document: Mapping[str, Any]

    @property
    def stored(self) -> str:
        return stored_name(self.kind, self.namespace, self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a runtime needs of a Pod."""

    namespace: str
    name: str
    uid: str = ""
    host_network: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    port_mappings: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def stored_name(kind: str, namespace: str, name: str) -> str:
    return f"{namespace}.{name}.{KINDS[kind]}.json"


def read(paths: Iterable[Path]) -> list[Object]:
    """All objects of files and of folders (not of folders within), in their order.

    Raises InvalidConfig when two files have an object of one name, or one has no name that can be one.
    """
    found: dict[str, Object] = {}
    for file in list_files(paths):
        with inside(str(file)):
            for document in read_objects(file):
                if document.get("kind") not in KINDS:
                    continue
                one = _object(document, file)
                other = found.setdefault(one.stored, one)
                if other is not one:
                    raise InvalidConfig(f"{one.kind} {one.namespace}/{one.name} is also in {other.file}")
    return list(found.values())


def list_files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        try:
            if path.is_dir():
                found += sorted(one for one in path.iterdir() if one.suffix in SUFFIXES)
            else:
                found.append(path)
        except OSError as error:
            raise IOFailure(f"could not read the folder {path}: {error.strerror}") from error
    return found


def store(objects: Sequence[Object], folder: Path) -> None:
    """Lay the objects down where ``multinet.folder`` reads them."""
    for one in objects:
        # YAML reads more than JSON can say (dates); as in the API, those are texts.
        files.write_atomic(folder / one.stored, json.dumps(one.document, default=str).encode())


def store_configurations(paths: Iterable[Path], folder: Path) -> None:
    """Copy what is in a folder ``net.d`` beside the manifests."""
    for path in paths:
        source = (path if path.is_dir() else path.parent) / CONFIGURATIONS
        if source.is_dir():
            for file in sorted(one for one in source.iterdir() if one.is_file()):
                files.write_atomic(folder / file.name, file.read_bytes())


def pods(objects: Iterable[Object]) -> list[Manifest]:
    return [_manifest(one) for one in objects if one.kind == "Pod"]


def _object(document: Mapping[str, Any], file: Path) -> Object:
    metadata = metadata_of(document)
    namespace, name = metadata.get("namespace", HOME), metadata.get("name", "")
    try:
        values.label(str(namespace))
        values.subdomain(str(name))
    except ValueError as error:
        raise InvalidConfig(f"a {document['kind']} named {namespace}/{name}: {error}") from None
    return Object(kind=document["kind"], namespace=namespace, name=name, file=file, document=document)


def _manifest(one: Object) -> Manifest:
    metadata, spec = metadata_of(one.document), one.document.get("spec") or {}
    with inside(str(one.file)):
        try:
            return Manifest(
                namespace=one.namespace,
                name=one.name,
                uid=str(metadata.get("uid", "")),
                host_network=bool(spec.get("hostNetwork", False)),
                annotations=annotations_of(metadata),
                port_mappings=tuple(port_mappings(spec)),
            )
        except (AttributeError, TypeError, KeyError) as error:
            raise MultinetError(f"{one.namespace}/{one.name} is not a Pod: {error}") from error


def port_mappings(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ports of the node that lead to the pod, as the capability ``portMappings`` has them."""
    return [
        {
            "hostPort": port["hostPort"],
            "containerPort": port["containerPort"],
            "protocol": port.get("protocol", "TCP").lower(),
            "hostIP": port.get("hostIP", ""),
        }
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]
