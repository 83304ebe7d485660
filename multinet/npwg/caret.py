"""A text somebody wrote, and errors that point into it.

k8s.v1.cni.cncf.io/networks: expected a network name: lower-case letters, digits and '-'
    default/net-a@eth1, net_b
                           ^
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from multinet.errors import MultinetError, SelectionError

_WINDOW = 100
"""Characters of a line that are shown at most; an annotation is often one line of thousands."""


@dataclass(frozen=True, slots=True)
class Text:
    """``source`` is where it was found: an annotation's key, a path. ``error`` is the kind to raise."""

    text: str
    source: str
    error: type[MultinetError] = SelectionError

    def wrong(self, at: int, message: str) -> MultinetError:
        """The error to raise: ``message``, the line with the place, and a caret below it."""
        error = self.error(f"{message}\n{excerpt(self.text, at)}")
        error.place.append(self.source)
        return error


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text something was said, for those who find out later that it can't be had."""

    text: Text
    at: int

    def wrong(self, message: str) -> MultinetError:
        return self.text.wrong(self.at, message)


def excerpt(text: str, at: int) -> str:
    """The line around ``at`` and a caret below it. Past the end means right behind the last thing written."""
    at = min(at, len(text.rstrip()))
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)].rstrip()
    column = at - start

    left = min(len(line) - len(line.lstrip()), column)
    if len(line) - left > _WINDOW:
        left = max(left, min(column - _WINDOW // 2, len(line) - _WINDOW))
    right = left + _WINDOW
    before = ("…" if line[:left].strip() else "") + _shown(line[left:column])
    after = _shown(line[column:right]) + ("…" if len(line) > right else "")
    return f"    {before}{after}\n    {' ' * _columns(before)}^"


def _shown(text: str) -> str:
    """What can't be printed as one thing in its place: white space as a blank, the rest as U+FFFD."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)


def _columns(text: str) -> int:
    """How wide a terminal shows it."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
