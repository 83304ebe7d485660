"""How long to wait before the next try, so that many nodes don't come back in the same instant."""

from __future__ import annotations

import random
import time

from multinet.deadline import Deadline
from multinet.waiting import waiting

FIRST_SECONDS = 0.1
MOST_SECONDS = 10.0
"""An API server that comes back serves a node this much later at the most."""

LOOK_SECONDS = 0.2
"""While waiting: how often to look whether the deadline was ended early."""


class Backoff:
    """Twice as long each time, and of that a random part between a half and all."""

    def __init__(self, *, first: float = FIRST_SECONDS, most: float = MOST_SECONDS) -> None:
        self._first = first
        self._most = most
        self._next = first

    def next(self) -> float:
        """Seconds."""
        seconds = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._most)
        return seconds

    def reset(self) -> None:
        """It went well: begin with short waits again."""
        self._next = self._first


def pause(seconds: float, deadline: Deadline) -> None:
    """Sleep so long, or until nothing of the deadline remains."""
    end = time.monotonic() + seconds
    with waiting():
        while (left := deadline.limit(end - time.monotonic())) > 0:
            time.sleep(min(left, LOOK_SECONDS))
