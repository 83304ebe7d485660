"""One thing that was looked at: how it is, and the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from multinet.errors import MultinetError


class State(StrEnum):
    GOOD = "ok"
    WARNING = "warning"
    """Pods get their networks, but something should be looked at; or a network that nobody has can't be made."""
    WRONG = "wrong"
    """Some pod does not get its networks, or keeps what it should have given back."""
    UNKNOWN = "unknown"
    """It can't be told from here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    check: str
    """What was looked at, in a word or two: the same in every run."""
    state: State
    says: str
    mend: str = ""
    """A command as it is typed; "" where there is nothing to mend, or no command that does it."""


Check = Callable[[], Iterable[Finding]]


def good(check: str, says: str) -> Finding:
    return Finding(check=check, state=State.GOOD, says=says)


def warning(check: str, says: str, mend: str = "") -> Finding:
    return Finding(check=check, state=State.WARNING, says=says, mend=mend)


def wrong(check: str, says: str, mend: str = "") -> Finding:
    return Finding(check=check, state=State.WRONG, says=says, mend=mend)


def unknown(check: str, says: str, mend: str = "") -> Finding:
    return Finding(check=check, state=State.UNKNOWN, says=says, mend=mend)


def run(name: str, check: Check) -> Iterator[Finding]:
    """A check that can't be ended is a finding too, and keeps no other from being made."""
    try:
        yield from check()
    except MultinetError as error:
        yield wrong(name, str(error))
