"""Keys that a plugin passes over, as the reference's do: most often they are mistyped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from multinet.cni.netconf import KEYS
from multinet.delegate.registry import schema
from multinet.errors import nearest

Known: TypeAlias = "tuple[Mapping[str, Any], Mapping[str, Any]]"
"""A schema's whole document, and the part of it that is about the value."""

NOT_LOOKED_INTO: Final = frozenset({"args", "runtimeConfig", "capabilities", "dns", "prevResult", "delegate"})
"""Members that others than the plugin's author fill in, that ``cni`` reads itself, or that are another plugin's."""
OF_LISTS: Final = frozenset(
    {
        *("name", "cniVersion", "cniVersions", "plugins"),
        *("disableCheck", "disableGC", "loadOnlyInlinedPlugins"),
    }
)


def unknown(plugin: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and best guess ("" for none) of each key that neither the plugin nor its IPAM knows. Of a plugin that has
    no schema (a program of the node) nothing is known.
    """
    documents = [document for document in _documents(plugin) if document is not None]
    if len(documents) < len(list(_documents(plugin))):
        return
    known: list[Known] = [(document, document) for document in documents]
    yield from _walk(plugin, known, (), also=KEYS)


def of_list(conf: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The same, of a list."""
    lower = {key.lower() for key in OF_LISTS}
    for key in conf:
        if key.lower() not in lower and not _is_own(key):
            yield (key,), nearest(key, OF_LISTS)


def _documents(plugin: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    yield schema(str(plugin.get("type", "")))
    ipam = plugin.get("ipam")
    if isinstance(ipam, Mapping) and ipam.get("type"):
        yield schema(str(ipam["type"]))


def _walk(
    value: object, known: Sequence[Known], path: tuple[str | int, ...], also: frozenset[str] = frozenset()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, list):
        items = [(document, node["items"]) for document, node in known if "items" in node]
        for index, item in enumerate(value):
            yield from _walk(item, _resolved(items), (*path, index))
    if not isinstance(value, Mapping) or not known:
        return
    if any(isinstance(node.get("additionalProperties"), Mapping) for _, node in known):
        return
    if not any("properties" in node for _, node in known):
        return
    names = {name for _, node in known for name in node.get("properties", {})} | also
    spelling = {name.lower(): name for name in names}
    for key, member in value.items():
        name = spelling.get(str(key).lower())
        if name is None:
            if not _is_own(key):
                yield (*path, key), nearest(str(key), names)
        elif name not in NOT_LOOKED_INTO:
            below = [
                (document, node["properties"][name])
                for document, node in known
                if name in node.get("properties", {})
            ]
            yield from _walk(member, _resolved(below), (*path, key))


def _resolved(known: Sequence[Known]) -> list[Known]:
    found = []
    for document, node in known:
        while "$ref" in node:
            target: Any = document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        found.append((document, node))
    return found


def _is_own(key: object) -> bool:
    """People's own notes: CNI 1.1 asks for a dot in keys that are not its, and some write comments."""
    text = str(key)
    return "." in text or text.startswith(("_", "//", "#")) or text.lower() in ("comment", "description")
