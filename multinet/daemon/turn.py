"""A request's turn: one ADD after the other computes and makes things in the kernel, and the rest wait asleep.

All of that goes through two locks, the interpreter's and the kernel's (rtnl_mutex), so more than one at a time gains
nothing. It costs much: an ADD enters the kernel two hundred times, and at each of them two that run at once hand the
interpreter to each other and wake each other up, often on another processor.

Who waits for anything else steps aside meanwhile: for the API server, a lock, an executable, an IPv6 address that is
tested (``multinet.waiting``). Who has stepped aside is served before those who have not begun. A turn only saves
work: who has waited for it for long goes on without one, and so nothing that hangs stops the others.
"""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from multinet.deadline import Deadline
from multinet.delegate.executable import Runner
from multinet.waiting import gives_up

PATIENCE_SECONDS: Final = 2.0
"""A hundred times what an ADD takes in its turn."""


class Turns:
    """So many at once. They go from thread to thread: who comes by just then does not get in between."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = Lock()
        self._began: deque[Lock] = deque()
        self._new: deque[Lock] = deque()

    @property
    def waiting(self) -> int:
        return len(self._began) + len(self._new)

    def take(self, seconds: float, *, again: bool = False) -> bool:
        """Wait for one. ``again``: the caller had one before. False when there was none within ``seconds``."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            line = self._began if again else self._new
            bed = Lock()
            bed.acquire()
            line.append(bed)
        if bed.acquire(timeout=seconds):
            return True
        with self._lock:
            if bed in line:
                line.remove(bed)
                return False
        return True  # it came in this very moment

    def give(self) -> None:
        with self._lock:
            line = self._began or self._new
            if line:
                line.popleft().release()
            else:
                self._free += 1


class Turn:
    """One request's; had inside ``with``. Used by one thread."""

    def __init__(self, turns: Turns, deadline: Deadline, *, patience: float = PATIENCE_SECONDS) -> None:
        self._turns = turns
        self._deadline = deadline
        self._patience = patience
        self._held = False

    def __enter__(self) -> None:
        """Wait for it. Raises TryAgain when the request has no time left."""
        self._held = self._turns.take(self._deadline.limit(self._patience))
        if not self._held:
            self._deadline.check("its turn")
        gives_up(self.aside)

    def __exit__(self, *_: object) -> None:
        gives_up(None)
        if self._held:
            self._turns.give()
        self._held = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others have it meanwhile, if it is held, and wait for it again afterwards: what has begun must be
        finished or undone, so that ends without an error.
        """
        if not self._held:
            yield
            return
        self._turns.give()
        self._held = False
        try:
            yield
        finally:
            self._held = self._turns.take(self._patience, again=True)


class SteppingAside:
    """A runner (``delegate.executable.Runner``): the turn is given up while the shim looks, or a program runs."""

    def __init__(self, runner: Runner, turn: Turn) -> None:
        self._runner = runner
        self._turn = turn

    def find(self, type_: str, path: Sequence[str]) -> Path:
        with self._turn.aside():
            return self._runner.find(type_, path)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        with self._turn.aside():
            return self._runner.run(type_, file, env, stdin)
