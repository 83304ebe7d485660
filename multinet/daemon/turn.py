"""A request's turn in the kernel: a few ADDs make things at once, more would only wait for each other there.

Whoever runs an executable meanwhile gives its turn up: it waits for a program and not for the kernel, and three
that hang must not stop every pod of the node.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore

from multinet.delegate.executable import Runner


class Turn:
    """One request's; held inside ``with``. Used by one thread."""

    def __init__(self, turns: Semaphore) -> None:
        self._turns = turns
        self._held = False

    def __enter__(self) -> None:
        self._turns.acquire()
        self._held = True

    def __exit__(self, *_: object) -> None:
        self._held = False
        self._turns.release()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Let others have it meanwhile, if it is held; wait for it again afterwards."""
        if not self._held:
            yield
            return
        self._turns.release()
        try:
            yield
        finally:
            self._turns.acquire()


class Outside:
    """A runner (``delegate.executable.Runner``) that gives the turn up for as long as a program runs."""

    def __init__(self, runner: Runner, turn: Turn) -> None:
        self._runner = runner
        self._turn = turn

    def find(self, type_: str, path: Sequence[str]) -> Path:
        return self._runner.find(type_, path)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        with self._turn.given_up():
            return self._runner.run(type_, file, env, stdin)
