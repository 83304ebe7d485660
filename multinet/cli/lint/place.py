"""Where in a file a member of ``spec.config`` is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import yaml

from multinet.cli.objects import Object
from multinet.errors import MultinetError
from multinet.npwg import positions
from multinet.npwg.caret import Text
from multinet.npwg.positions import Node

Steps: TypeAlias = tuple[str | int, ...]

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_LINE: Final = re.compile(r"\(line (\d+), column \d+\)")
"""How a reader of JSON says where it stopped."""
LITERAL: Final = "|"


class Places:
    """Of one definition."""

    def __init__(self, one: Object) -> None:
        self._object = one
        self._line, self._scalar = one.mark("spec", "config")
        text = getattr(self._scalar, "value", "")
        self._text = text if isinstance(text, str) else ""
        try:
            self._root: Node | None = positions.read(Text(self._text, "spec.config"))
        except MultinetError:
            self._root = None

    def of(self, steps: Sequence[str | int] = ()) -> str:
        """``file:line`` of what is at ``steps`` of the configuration, or as near as possible; the object, if it is
        the API's.
        """
        if not self._object.file:
            return self._object.where
        return f"{self._object.file}:{self._line_of(steps)}"

    def of_error(self, base: Steps, error: MultinetError) -> str:
        told = _LINE.search(error.message)
        if self._root is None and told is not None and self._is_literal and self._object.file:
            return f"{self._object.file}:{self._first + int(told[1]) - 1}"
        return self.of((*base, *steps_of(error.where)))

    @property
    def _is_literal(self) -> bool:
        return isinstance(self._scalar, yaml.ScalarNode) and self._scalar.style == LITERAL

    @property
    def _first(self) -> int:
        """The text of a literal begins on the line after its "|"."""
        line: int = self._scalar.start_mark.line if self._scalar else 0
        return line + 2

    def _line_of(self, steps: Sequence[str | int]) -> int:
        if self._root is None or not self._is_literal:
            return self._line
        at, node = self._root.at, self._root
        for step in steps:
            found = _down(node, step)
            if found is None:
                break
            at, node = found
        return self._first + self._text.count("\n", 0, at)


def steps_of(path: str) -> Steps:
    """``.ipam.ranges[0]`` -> ("ipam", "ranges", 0). Plugins' types in brackets are no steps of the text."""
    return tuple(int(index) if index else key for key, index in _STEP.findall(f".{path.lstrip('.')}"))


def _down(node: Node, step: str | int) -> tuple[int, Node] | None:
    if isinstance(node.value, dict) and isinstance(step, str):
        lower = {key.lower(): member for key, member in node.value.items()}
        member = node.value.get(step) or lower.get(step.lower())
        return (member.at, member.node) if member else None
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step].at, node.value[step]
    return None
