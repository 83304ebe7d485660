"""How long a request has left. Handed to whatever waits on its behalf."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from multinet.errors import TryAgain


class Deadline:
    """A point in time, and a word that ends it early: an agent that stops has no time to wait for anybody."""

    __slots__ = ("_end", "_seconds", "_why")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._why = ""

    @classmethod
    def never(cls) -> Self:
        """For work that nobody waits for."""
        return cls(float("inf"))

    def remaining(self) -> float:
        """Seconds; never negative."""
        return 0.0 if self._why else max(0.0, self._end - time.monotonic())

    def limit(self, seconds: float) -> float:
        """That many seconds, or what remains if it is less."""
        return min(seconds, self.remaining())

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A part of the work may take that long, and no longer than the whole."""
        whole = self._end, self._seconds
        if time.monotonic() + seconds < self._end:
            self._end, self._seconds = time.monotonic() + seconds, seconds
        try:
            yield
        finally:
            self._end, self._seconds = whole

    def end(self, why: str) -> None:
        """From now on nothing remains. ``why`` completes "gave up ... because"."""
        self._why = why

    def check(self, doing: str) -> None:
        """Raise TryAgain when nothing remains. ``doing``: "gave up before <doing>"."""
        if self.remaining() > 0:
            return
        why = self._why or f"the request has taken its {self._seconds:.0f} seconds"
        raise TryAgain(f"gave up before {doing}: {why}", hint="the runtime will try again")
