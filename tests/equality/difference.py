"""A difference that is kept on purpose, and how differences are found.

An entry covers a path (a shell pattern over the paths of ``normal``, with ``result / ...``, ``code`` and
``exit`` beside the state) in the cases and verbs that it names, and only with the two values it names. In
the case ``seen`` it must really occur, or that case fails: a difference that is no more has to leave the
list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.equality.normal import Flat


class _Some:
    """Stands for values in the list below."""

    def __init__(self, words: str, *, missing: bool, there: bool) -> None:
        self.words = words
        self.missing = missing
        self.there = there

    def __eq__(self, other: object) -> bool:
        return self is other or (self.missing if other is ABSENT else self.there)

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return self.words


ABSENT = _Some("(absent)", missing=True, there=False)
ANYTHING = _Some("(anything)", missing=False, there=True)
WHATEVER = _Some("(whatever)", missing=True, there=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    path: str
    why: str
    reference: Any
    ours: Any
    seen: str
    cases: tuple[str, ...] = ("*",)
    verbs: tuple[str, ...] = ("ADD", "CHECK", "DEL", "GC", "STATUS")

    def covers(self, case: str, verb: str, path: str, reference: Any, ours: Any) -> bool:
        return (
            verb in self.verbs
            and any(fnmatchcase(case, pattern) for pattern in self.cases)
            and fnmatchcase(path, self.path)
            and bool(self.reference == reference)
            and bool(self.ours == ours)
        )


ALWAYS = ("ADD", "CHECK", "DEL", "GC", "STATUS")
Change = tuple[str, Any, Any]
"""A path, what the reference leaves there, what ours leaves."""


def kept(
    why: str, *changes: Change, cases: tuple[str, ...], seen: str = "", verbs: tuple[str, ...] = ALWAYS
) -> tuple[Difference, ...]:
    """``seen`` is needed where the first of ``cases`` is a pattern, or not the witness of all changes."""
    return tuple(
        Difference(
            path=path,
            reference=reference,
            ours=ours,
            why=why,
            cases=cases,
            seen=seen or cases[0],
            verbs=verbs,
        )
        for path, reference, ours in changes
    )


def between(reference: Flat, ours: Flat) -> Iterator[tuple[str, Any, Any]]:
    """Every path where the two are not the same: the path and both values."""
    for path in sorted({*reference, *ours}):
        pair = reference.get(path, ABSENT), ours.get(path, ABSENT)
        if pair[0] != pair[1]:
            yield path, *pair
