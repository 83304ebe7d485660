"""The recordings that are kept: few, and each of a bounded size, since a request's configuration has any.

``record`` in the settings says of which requests: those that failed, all or none. Besides, somebody may wait for the
next one (``multinet record --next``): from then on, for a while, each request is kept that is meant.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any, Final

from multinet.cni.request import Verb
from multinet.daemon.recording.notes import Notes

MOST: Final = 16
"""Recordings that are kept. A node where more than that fails at once has one cause for them."""
MOST_BYTES: Final = 256 << 10
"""Of one. Those of the field have 5 to 20 KB; together they never take more than 4 MiB of the agent's memory."""
STORM_SECONDS: Final = 10.0
"""No more than ``MOST`` failures are recorded in so long. Looking at a node of 250 pods takes 7 ms, and they would
only push each other out.
"""
ARMED_SECONDS: Final = 10.0
"""How long one that waits for the next request is remembered without asking again."""
VERBS: Final = frozenset({Verb.ADD, Verb.CHECK, Verb.DEL})
"""Those that are about one container. What GC does depends on every other, and STATUS has nothing to tell."""


class Mode(StrEnum):
    """Of the setting ``record``."""

    FAILURES = "failures"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    number: int
    """Each is one more than that of the one before it."""
    request: str
    pod: str
    content: bytes


class Recordings:
    """Any thread may call anything."""

    def __init__(self, mode: Mode, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._mode = mode
        self._clock = clock
        self._kept: deque[Recording] = deque(maxlen=MOST)
        self._number = 0
        self._failures: deque[float] = deque(maxlen=MOST)
        self._armed: dict[str, float] = {}
        """Pod that somebody waits for, "" for any -> until when."""
        self._lock = Lock()

    def notes(self, verb: str) -> Notes | None:
        """Where to note what a request is told; None where it would not be kept, however it ends."""
        if verb not in VERBS or (self._mode is Mode.NONE and not self._armed):
            return None
        return Notes()

    def wants(self, pod: Callable[[], str], *, failed: bool) -> bool:
        """Is this request to be kept, now that it has ended? ``pod`` is only asked when that matters."""
        if self._mode is Mode.ALL:
            return True
        if not self._armed and not (failed and self._mode is Mode.FAILURES):
            return False
        now = self._clock()
        with self._lock:
            if failed and self._mode is Mode.FAILURES and not self._is_storm(now):
                return True
            self._armed = {one: until for one, until in self._armed.items() if until > now}
            return "" in self._armed or pod() in self._armed

    def _is_storm(self, now: float) -> bool:
        """Have as many as are kept failed within a moment?"""
        if len(self._failures) == MOST and now - self._failures[0] < STORM_SECONDS:
            return True
        self._failures.append(now)
        return False

    def keep(self, request: str, pod: str, document: dict[str, Any]) -> None:
        content = json.dumps(document, ensure_ascii=False).encode(errors="replace")
        if len(content) > MOST_BYTES:
            content = json.dumps({"format": document["format"], "tooLarge": len(content)}).encode()
        with self._lock:
            self._number += 1
            self._kept.append(Recording(number=self._number, request=request, pod=pod, content=content))

    def find(self, request: str) -> Recording | None:
        with self._lock:
            return next((one for one in reversed(self._kept) if one.request == request), None)

    def requests(self) -> list[str]:
        """Of which there are recordings, the newest first."""
        with self._lock:
            return [one.request for one in reversed(self._kept)]

    def next(self, pod: str, after: int | None) -> tuple[int, str]:
        """Wait for a request of that pod ("": of any). The number to ask after the next time, and the first request
        that came after the number ``after``, "" while there is none.
        """
        with self._lock:
            self._armed = {**self._armed, pod: self._clock() + ARMED_SECONDS}
            if after is None:
                return self._number, ""
            fresh = (one for one in self._kept if one.number > after and pod in ("", one.pod))
            return after, next((one.request for one in fresh), "")
