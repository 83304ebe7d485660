"""What is wrong, as ``multinet explain`` and ``multinet lint`` tell it: one sentence each, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from multinet.cli.output import Cell, Style
from multinet.errors import MultinetError


class Severity(StrEnum):
    ERROR = "error"
    """A pod would not start."""
    WARNING = "warning"
    """It would, and probably not do what is wanted."""
    NOTE = "note"
    """Good to know."""


STYLES = {Severity.ERROR: Style.BAD, Severity.WARNING: Style.WARNING, Severity.NOTE: Style.FAINT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    where: str
    """``file:line``, a network, an object."""
    severity: Severity
    message: str
    remedy: str = ""
    rule: str = ""
    """What found it: lint's."""

    @classmethod
    def of(cls, error: MultinetError, where: str, *, rule: str = "", place: bool = True) -> Finding:
        """An error of ours. Without its ``place`` where ``where`` says that already."""
        return cls(
            where=where,
            severity=Severity.ERROR,
            message=error.sentence if place else error.message,
            remedy=error.hint or error.details,
            rule=rule,
        )

    def to_json(self) -> dict[str, Any]:
        said = {"severity": self.severity.value, "rule": self.rule, "where": self.where}
        said |= {"message": self.message, "remedy": self.remedy}
        return said if self.rule else {key: value for key, value in said.items() if key != "rule"}


def told(findings: Iterable[Finding]) -> Iterator[Cell]:
    """A line each, as compilers do it, and the remedy below."""
    for one in findings:
        rule = f" [{one.rule}]" if one.rule else ""
        where = f"{one.where}: " if one.where else ""
        first, *more = one.message.split("\n")
        yield Cell("\n".join([f"{where}{one.severity.value}: {first}{rule}", *more]), STYLES[one.severity])
        if one.remedy:
            yield Cell(f"    {one.remedy}")


def is_bad(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Is there an error among them, or for ``strict`` a warning?"""
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(one.severity in bad for one in findings)
