"""What was said of which pod or node, so that it is counted up when it happens again and not said again; and
what is still to be said, once the node has calmed down.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MOST = 1000
"""Events that are remembered: about 1 MB at the very most. The oldest is forgotten, and said anew."""
REMEMBERED_SECONDS = 3600.0
"""As long as the API server keeps an event that nobody touches."""
QUIET_SECONDS = 10.0
"""An event is counted up at most this often, however often the thing happens."""
CALM_SECONDS = 1.0
"""Nothing is written before nothing new has come for so long. Pods come in bursts, each within a second or so; the
API server's work for events would compete with its work for their status, on a node that has it for itself too.
"""
MOST_WAITED_SECONDS = 5.0
"""... and where it never gets calm, no later than that."""
OF_A_SANDBOX: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{12,}\b")
"""Ids of containers, whole or cut short as people do, and the UUIDs in the names of namespaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What an event is about. A node's event lies in the namespace ``default``, where everybody looks for it."""

    kind: str
    namespace: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence:
    """Something happened."""

    kind: str
    """``Normal`` or ``Warning``."""
    reason: str
    about: Subject
    message: str
    request_id: str
    """"" where no request had a part in it."""
    when: datetime

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for what is the same event: which request it was makes no difference, nor which sandbox. The
        kubelet makes a new one for each try, and its id stands in paths, and in what plugins say.
        """
        cause = OF_A_SANDBOX.sub("*", self.message)
        return (self.about.uid or str(self.about), self.kind, self.reason, cause)


@dataclass(kw_only=True, slots=True)
class Entry:
    """An event as it should be at the API server, and whether it is."""

    key: tuple[str, ...]
    latest: Occurrence
    first: datetime
    began: float
    waits_since: float
    count: int = 1
    name: str = ""
    """Empty as long as there is no such event there."""
    not_before: float = 0.0


class Said:
    def __init__(
        self,
        *,
        quiet_seconds: float = QUIET_SECONDS,
        calm_seconds: float = CALM_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet_seconds = quiet_seconds
        self._calm_seconds = calm_seconds
        self._noted = clock()
        self._clock = clock
        self._entries: OrderedDict[tuple[str, ...], Entry] = OrderedDict()
        self._unwritten: dict[tuple[str, ...], Entry] = {}

    def note(self, occurrence: Occurrence) -> None:
        """It has happened, maybe again."""
        self._noted = now = self._clock()
        key = occurrence.key
        entry = self._entries.get(key)
        if entry is None or now - entry.began >= REMEMBERED_SECONDS:
            self._entries.pop(key, None)
            entry = Entry(key=key, latest=occurrence, first=occurrence.when, began=now, waits_since=now)
            self._entries[key] = entry
        else:
            entry.latest = occurrence
            entry.count += 1
            if key not in self._unwritten:
                entry.waits_since = now
        self._unwritten[key] = entry
        while len(self._entries) > MOST:
            oldest, _ = self._entries.popitem(last=False)
            self._unwritten.pop(oldest, None)

    def due(self, *, at_once: bool = False) -> list[Entry]:
        """What is to be written now; ``at_once``: whatever is not."""
        return list(self._each_due(at_once=at_once))

    def first_due(self) -> Entry | None:
        """Who writes one and asks again, for what has come meanwhile, does not look at all of a burst each time."""
        return next(self._each_due(), None)

    def _each_due(self, *, at_once: bool = False) -> Iterator[Entry]:
        now = self._clock()
        return (entry for entry in self._unwritten.values() if at_once or self._due(entry) <= now)

    def seconds_until_due(self) -> float | None:
        """None when everything is written."""
        times = map(self._due, self._unwritten.values())
        return max(0.0, min(times) - self._clock()) if self._unwritten else None

    def _due(self, entry: Entry) -> float:
        calm = min(self._noted + self._calm_seconds, entry.waits_since + MOST_WAITED_SECONDS)
        return max(entry.not_before, calm)

    def written(self, entry: Entry) -> None:
        """It is as it should be, or could not be made so: let it rest."""
        entry.not_before = self._clock() + self._quiet_seconds
        self._unwritten.pop(entry.key, None)
