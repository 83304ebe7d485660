"""YAML as people write it: what is only meant to bring its reader down is refused first.

libyaml's binding goes into lists and objects by recursion in C: some thousand opening brackets end the process.
And an alias is one value in memory but as many as it is named to whoever walks through them, which ten lines can
make more than any machine has ("billion laughs").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

MAX_DEPTH: Final = 64
"""Lists and objects inside each other, as in JSON (``cni.jsonkeys``); a manifest has about ten."""
MOST_VALUES: Final = 1_000_000
"""In one text, those that aliases stand for included. All manifests of a large cluster in one file have fewer."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreasonable(yaml.MarkedYAMLError):
    """It is YAML, and not meant to be read."""


def load(content: bytes | str) -> Any:
    """The one document; None for an empty text. Raises what PyYAML raises: YAMLError, ValueError, RecursionError."""
    _look(content)
    return yaml.load(content, Loader=_LOADER)  # noqa: S506 - it is the safe one, in C where there is that


def load_all(content: bytes | str) -> Iterator[tuple[yaml.Node, Any]]:
    """Each document, with the nodes that know its lines. Raises as ``load`` does."""
    _look(content)
    loader = _LOADER(content)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node, loader.construct_document(node)
    finally:
        loader.dispose()


def told(error: Exception) -> str:
    """What the reader expected, and where: ``did not find expected key (line 3, column 1)``."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem} (line {mark.line + 1}, column {mark.column + 1})"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.reason} (position {error.position})"
    return str(error)


def _look(content: bytes | str) -> None:
    """Go through it by its events, which takes no recursion, and count."""
    open_anchors: list[tuple[str | None, int]] = []
    sizes: dict[str | None, int] = {}
    values = 0
    for event in yaml.parse(content, Loader=_LOADER):
        before = values
        if isinstance(event, CollectionEndEvent):
            anchor, began = open_anchors.pop()
            sizes[anchor] = values - began
        elif isinstance(event, AliasEvent):
            if any(event.anchor == anchor for anchor, _ in open_anchors):
                raise _wrong("a value that contains itself", event)
            values += sizes.get(event.anchor, 1)
        elif isinstance(event, NodeEvent):
            values += 1
            if isinstance(event, CollectionStartEvent):
                open_anchors.append((event.anchor, before))
            elif event.anchor:
                sizes[event.anchor] = 1
        if len(open_anchors) > MAX_DEPTH:
            raise _wrong(f"more than {MAX_DEPTH} lists and objects inside each other", event)
        if values > MOST_VALUES:
            raise _wrong(f"more than {MOST_VALUES} values", event)


def _wrong(problem: str, event: yaml.Event) -> Unreasonable:
    mark: Any = event.start_mark  # of libyaml's binding, which has a class of its own for it
    return Unreasonable(problem=problem, problem_mark=mark)
