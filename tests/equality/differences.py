"""Where ours is meant to leave something else than the reference: every place, what either leaves there,
and why.

The comparison takes away exactly these. An entry covers a path (a shell pattern over the paths of
``normal``, with ``result / ...``, ``code`` and ``exit`` beside the state) in the cases and verbs that it
names, and only with the two values it names. In the case ``seen`` it must really occur, or that case fails:
a difference that is no more has to leave this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.equality.normal import Flat


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()


class _Anything:
    def __eq__(self, other: object) -> bool:
        return other is not ABSENT

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "(anything)"


ANYTHING = _Anything()


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    path: str
    why: str
    reference: Any
    ours: Any
    seen: str
    cases: str = "*"
    verbs: tuple[str, ...] = ("ADD", "CHECK", "DEL")

    def covers(self, case: str, verb: str, path: str, reference: Any, ours: Any) -> bool:
        return (
            verb in self.verbs
            and fnmatchcase(case, self.cases)
            and fnmatchcase(path, self.path)
            and bool(self.reference == reference)
            and bool(self.ours == ours)
        )


def between(reference: Flat, ours: Flat) -> Iterator[tuple[str, Any, Any]]:
    """Every path where the two are not the same: the path and both values."""
    for path in sorted({*reference, *ours}):
        pair = reference.get(path, ABSENT), ours.get(path, ABSENT)
        if pair[0] != pair[1]:
            yield path, *pair


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        path="c? / * / * / group",
        reference="default",
        ours=ANYTHING,
        why="every link of ours in a container carries its request's group: one message removes them all",
        seen="bridge-l2",
    ),
)
