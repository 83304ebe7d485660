"""What a surface is: a place where multinet reads what somebody else wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

Feed: TypeAlias = Callable[[Any], object]
"""Hand an input in. A MultinetError refuses it; any other exception is a defect, and so is a wrong assertion."""

INPUT_SECONDS = 2.0
"""What one input may take. Most take a hundred microseconds, and a machine may be busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """``name`` is what is read. ``of`` is which of the inputs it is that the table of ``surfaces`` promises."""

    name: str
    of: str
    make: Callable[[Random], Any]
    """An input, most often a valid one with some damage. It must depend on nothing but the dice."""
    open: Callable[[Path], AbstractContextManager[Feed]]
    """What the inputs are fed to, for many of them, with a folder that is empty at first."""
    short: int = 400
    """How many inputs `make test` has time for."""
    seconds: float = INPUT_SECONDS


def pure(feed: Feed) -> Callable[[Path], AbstractContextManager[Feed]]:
    """For what needs neither files nor sockets."""

    @contextmanager
    def opened(_: Path) -> Iterator[Feed]:
        yield feed

    return opened


def one_of(*makes: Callable[[Random], Any]) -> Callable[[Random], Any]:
    return lambda dice: dice.choice(makes)(dice)


def damaged(seeds: Sequence[Any], damage: Callable[[Random, Any], Any]) -> Callable[[Random], Any]:
    return lambda dice: damage(dice, dice.choice(seeds))
