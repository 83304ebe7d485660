"""A request's turn in the kernel: a few ADDs make things at once, more would only wait for each other there.

Whoever runs an executable meanwhile steps aside: it waits for a program and not for the kernel, and three that
hang must not stop every pod of the node. So does whoever waits for an IPv6 address to be tested, which takes
a second or two.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import TIMEOUT_MAX, Semaphore

from multinet.deadline import Deadline
from multinet.delegate.executable import Runner
from multinet.waiting import gives_up


class Turn:
    """One request's; had inside ``with``. Used by one thread."""

    def __init__(self, turns: Semaphore, deadline: Deadline) -> None:
        self._turns = turns
        self._deadline = deadline
        self._held = False

    def __enter__(self) -> None:
        """Wait for it. Raises TryAgain when the request has no time left."""
        if not self._turns.acquire(timeout=self._deadline.limit(TIMEOUT_MAX)):
            self._deadline.check("its turn in the kernel")
        self._held = True
        gives_up(self.aside, self._deadline.remaining)

    def __exit__(self, *_: object) -> None:
        gives_up(None)
        if self._held:
            self._turns.release()
        self._held = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others have it meanwhile, if it is held; wait for it again afterwards, however long that takes:
        what has begun must be finished or undone.
        """
        if not self._held:
            yield
            return
        self._turns.release()
        self._held = False
        try:
            yield
        finally:
            self._turns.acquire()
            self._held = True


class SteppingAside:
    """A runner (``delegate.executable.Runner``) for whose programs the turn is given up while they run."""

    def __init__(self, runner: Runner, turn: Turn) -> None:
        self._runner = runner
        self._turn = turn

    def find(self, type_: str, path: Sequence[str]) -> Path:
        return self._runner.find(type_, path)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        with self._turn.aside():
            return self._runner.run(type_, file, env, stdin)
