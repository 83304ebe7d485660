"""Kubernetes objects, each with where it was written: a file and its lines, or the API."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from multinet import yamls
from multinet.cni.jsonkeys import kind
from multinet.errors import DecodingFailure, IOFailure, inside
from multinet.folder.cluster import HOME, STATUS_SUFFIX, SUFFIXES
from multinet.npwg import nad
from multinet.npwg.nad import KIND as NAD_KIND
from multinet.npwg.nad import NetworkAttachmentDefinition

STDIN: Final = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Object:
    """``file`` is "" for an object that the API has; ``node`` is what YAML made of the lines of one in a file."""

    document: Mapping[str, Any]
    file: str = ""
    node: yaml.Node | None = field(default=None, repr=False, compare=False)

    @property
    def kind(self) -> str:
        return str(self.document.get("kind", ""))

    @property
    def metadata(self) -> Mapping[str, Any]:
        found = self.document.get("metadata")
        return found if isinstance(found, Mapping) else {}

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace") or HOME)

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or self.metadata.get("generateName") or "")

    @property
    def where(self) -> str:
        """``file:line`` of its beginning, or what it is for the API."""
        return f"{self.file}:{self.line()}" if self.file else f"{self.kind} {self}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def line(self, *path: str | int) -> int:
        """The line in the file of what is at ``path``, or of the last step of it that is there; 0 without a file."""
        return self.mark(*path)[0]

    def mark(self, *path: str | int) -> tuple[int, yaml.Node | None]:
        """The line of what is at ``path``, and its node if all of the path is there."""
        if self.node is None:
            return 0, None
        node, line = self.node, self.node.start_mark.line + 1
        for step in path:
            found = _step(node, step)
            if found is None:
                return line, None
            line, node = found
        return line, node

    def definition(self, home: str = HOME) -> NetworkAttachmentDefinition:
        """Raises InvalidConfig for one that can't be read, or is another kind of object."""
        return nad.parse(self.document, home=home)


def of_api(documents: Iterable[Mapping[str, Any]], kind: str, api_version: str) -> Iterator[Object]:
    """Items of a list: the API leaves out what each of them is."""
    for document in documents:
        yield Object(document={"apiVersion": api_version, "kind": kind, **document})


def read_all(paths: Iterable[Path | str]) -> list[Object]:
    """All objects of files, of folders (not of folders within) and of stdin (``-``), in their order."""
    return [one for path in paths for file in files_of(path) for one in read(file)]


def read(file: Path | str) -> Iterator[Object]:
    """The objects of a file, or of stdin (``-``). Raises DecodingFailure with the line, IOFailure."""
    name = "stdin" if file == STDIN else str(file)
    with inside(name):
        yield from _read(file, name)


def _read(file: Path | str, name: str) -> Iterator[Object]:
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise IOFailure(f"could not read it: {error.strerror}") from error
    try:
        documents = list(yamls.load_all(content))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DecodingFailure(f"it is not YAML: {yamls.told(error)}", hint="correct the file") from error
    for node, document in documents:
        if document is None:
            continue
        if not isinstance(document, Mapping):
            raise DecodingFailure(
                f"expected Kubernetes objects, got {kind(document)}",
                hint="each document of the file needs 'apiVersion', 'kind' and 'metadata'",
            )
        items = document.get("items")
        if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
            for index, item in enumerate(items):
                if isinstance(item, Mapping):
                    yield Object(document=item, file=name, node=_item(node, index))
        else:
            yield Object(document=document, file=name, node=node)


def is_definition(one: Object) -> bool:
    return one.kind == NAD_KIND


def files_of(path: Path | str) -> list[Path | str]:
    """The manifests of a folder, without an editor's files and without the status that we write."""
    if path == STDIN or not Path(path).is_dir():
        return [path]
    try:
        found = sorted(one for one in Path(path).iterdir() if one.suffix in SUFFIXES)
    except OSError as error:
        raise IOFailure(f"could not read the folder {path}: {error.strerror}") from error
    return [one for one in found if not one.name.startswith(".") and not one.name.endswith(STATUS_SUFFIX)]


def _item(document: yaml.Node, index: int) -> yaml.Node | None:
    items = _step(document, "items")
    found = _step(items[1], index) if items else None
    return found[1] if found else None


def _step(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line of a key (or of an item), and the node of its value."""
    if isinstance(node, yaml.MappingNode) and isinstance(step, str):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    return None
