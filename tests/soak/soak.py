"""Run sequences, and tell what was found: with the shortest sequence that still finds it."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.soak.deeds import Deed, Sequence
from tests.soak.draw import sequence
from tests.soak.play import play
from tests.soak.rig import Rig
from tests.soak.tally import Tally
from tests.support.controlplane import ControlPlane

MOST_TRIES = 40
"""Replays to make a sequence shorter; each takes some seconds."""
LOG_LINES, LOG_CHARACTERS = 40, 400

NewRig = Callable[[], AbstractContextManager[Rig]]


def rigs(plane: ControlPlane, peers: Path, shim: Path) -> NewRig:
    @contextmanager
    def make() -> Iterator[Rig]:
        # The path of a unix socket has 107 bytes at most.
        folder = Path(tempfile.mkdtemp(prefix="mn-soak-"))
        try:
            with Rig(folder / "n", plane, peers, shim) as rig:
                yield rig
        finally:
            shutil.rmtree(folder)

    return make


def attempt(played: Sequence, rig: Rig, tally: Tally) -> str:
    """What is wrong, with what leads to it; "" for nothing."""
    before = len(rig.node.log)
    try:
        play(played, rig, tally)
    except Exception as error:  # what a helper of the tests waits for in vain is found as well
        tail = rig.node.log[before:].splitlines()[-LOG_LINES:]
        return "\n".join([*_words(error), *("  log: " + line[:LOG_CHARACTERS] for line in tail)])
    return ""


def _words(error: Exception) -> list[str]:
    notes = list(getattr(error, "__notes__", ()))
    if type(error).__name__ == "Found":
        return [str(error), *notes]
    return ["".join(traceback.format_exception(error)), *notes]


def shorter(played: Sequence, fails: Callable[[Sequence], bool]) -> Sequence:
    """Leave out deeds, many at first, for as long as it still fails."""
    deeds: tuple[Deed, ...] = played.deeds
    tries = 0
    size = max(1, len(deeds) // 2)
    while tries < MOST_TRIES:
        at = 0
        while at < len(deeds) and tries < MOST_TRIES:
            fewer = deeds[:at] + deeds[at + size :]
            tries += 1
            if fails(replace(played, deeds=fewer)):
                deeds = fewer
            else:
                at += size
        if size == 1:
            break
        size = max(1, size // 2)
    return replace(played, deeds=deeds)


def told(played: Sequence, why: str) -> str:
    """What was found, and how to find it again."""
    return f"make soak SEED={played.seed} SEQUENCE={played.number}\n{played}\n{why}"


def find(played: Sequence, new_rig: NewRig, rig: Rig, tally: Tally) -> str:
    """Play it; what is wrong, "" for nothing. Each try to make it shorter is on a node that has seen nothing. What a
    new node does not show is told as it was: it takes what sequences before have left in the agent, or chance.
    """
    why = attempt(played, rig, tally)
    if not why:
        return ""
    shortest, its_why = played, why

    def fails(fewer: Sequence) -> bool:
        nonlocal shortest, its_why
        with new_rig() as fresh:
            words = attempt(fewer, fresh, Tally(seed=played.seed))
        if words:
            shortest, its_why = fewer, words
        return bool(words)

    if fails(played):
        shorter(played, fails)
    return told(shortest, its_why)


def soak(seed: int, steps: int, new_rig: NewRig, tally: Tally, say: Callable[[str], None]) -> None:
    """Sequences from the first on, until so many steps have been done."""
    number = 0
    while tally.steps < steps:
        with new_rig() as rig:
            while tally.steps < steps:
                if why := find(sequence(seed, number), new_rig, rig, tally):
                    tally.found.append(why)
                    say(why)
                number += 1
                if why:
                    break
