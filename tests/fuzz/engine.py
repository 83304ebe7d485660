"""Feed a surface many inputs, and say what came of each: taken, refused in our words, or a defect."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from multinet.cni import answer
from multinet.errors import MOST_WORDS, MultinetError
from tests.fuzz.surface import Feed, Surface
from tests.support.wait import TooSlow, at_most

MOST_DEFECTS = 5
"""Of one kind each; then a surface is given up."""
MOST_SAID = 3 * MOST_WORDS
"""Characters of a refusal: its place, its message and its hint."""
MOST_GROWN_KIB = 256 << 10
"""What the process may grow by in one surface's run. Inputs have some kilobytes, a few of them some hundreds."""
WAITING = 15
"""How many times as long as of the processor an input may take of the clock."""
CODES = range(2**64)
"""Go reads one as ``uint``."""
SHOWN = 300
"""Characters of a line, and of an input: the rest is had by making it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    number: int
    """Which input; with surface and seed it makes the same again."""
    what: str
    """Exception and place, one line."""
    trace: str
    input: str


@dataclass(kw_only=True, slots=True)
class Figures:
    surface: str
    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    grown_kib: int = 0
    defects: dict[str, Defect] = field(default_factory=dict)

    def fail(self, what: str, *, trace: str = "") -> None:
        """What is wrong with no single input."""
        self.defects[what] = Defect(number=-1, what=what, trace=trace, input="")


def run(
    surface: Surface,
    seed: int,
    *,
    runs: int = 0,
    seconds: float = float("inf"),
    only: int | None = None,
) -> Figures:
    """Until ``runs`` inputs (0: any number) or ``seconds`` are over. ``only``: that one input and no other."""
    figures = Figures(surface=surface.name)
    began, before = time.monotonic(), _most_kib()
    with tempfile.TemporaryDirectory(prefix="multinet-fuzz-") as folder, surface.open(Path(folder)) as feed:
        number = 0 if only is None else only
        while len(figures.defects) < MOST_DEFECTS:
            made = made_from(surface, seed, number)
            figures.inputs += 1
            figures.refused += _feed(surface, feed, made, number, figures)
            number += 1
            if only is not None or number == runs or time.monotonic() - began >= seconds:
                break
    figures.seconds = time.monotonic() - began
    figures.grown_kib = _most_kib() - before
    if figures.grown_kib > MOST_GROWN_KIB:
        figures.fail(f"the process has grown by {figures.grown_kib >> 10} MiB")
    return figures


def made_from(surface: Surface, seed: int, number: int) -> Any:
    """The input of that number: the same whichever came before it."""
    return surface.make(Random(f"{seed}/{surface.name}/{number}"))


def _feed(surface: Surface, feed: Feed, made: Any, number: int, figures: Figures) -> bool:
    """Was it refused, in our words?"""
    try:
        with at_most(surface.seconds * WAITING, of_the_processor=surface.seconds):
            feed(made)
    except MultinetError as error:
        try:
            well_said(error)
        except Exception as wrong:
            _note(figures, wrong, number, made)
        return True
    except (Exception, TooSlow) as error:
        _note(figures, error, number, made)
    return False


def well_said(error: MultinetError) -> None:
    """It has words, not too many of them, and can be told: in the answer of a plugin, in the log and in an event."""
    assert error.message.strip(), "an error without words"
    assert len(str(error)) <= MOST_SAID, f"an error of {len(str(error))} characters"
    said = json.loads(answer.failure(error))
    assert said["code"] in CODES, f"the code of an error is {said['code']!r}"
    str(error).encode()


def _note(figures: Figures, error: BaseException, number: int, made: Any) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/multinet/" in frame.filename or "/delegates/" in frame.filename]
    last = (ours or frames)[-1]
    kind = f"{type(error).__name__} at {os.path.relpath(last.filename)}:{last.lineno}"
    figures.defects.setdefault(
        kind,
        Defect(
            number=number,
            what=f"{kind}: {str(error)[:200]!r}",
            trace="\n".join(line[:SHOWN] for line in "".join(traceback.format_exception(error)).splitlines()),
            input=repr(made)[:SHOWN],
        ),
    )


def _most_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
