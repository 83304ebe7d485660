"""Who is served when: calls wait in lanes, one lane a sandbox, and each lane moves one at a time.

CNI asks that no two operations on one container run at once, and a call that must wait for its container's
last one must not hold a thread meanwhile: a plugin that hangs would take all of them, a retry at a time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Condition, Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_FREED: Final = 2
"""How many may begin where one has ended: the next of its lane, and one that is heavy as it was."""


class Drop(StrEnum):
    """Why a call was not served. The words are labels of a metric."""

    FULL = "queue_full"
    LATE = "waited_too_long"
    GONE = "client_gone"
    STOPPING = "stopping"


@dataclass(eq=False, slots=True)
class Job(Generic[T]):
    """A call that waits or runs. ``lane`` None: it stands in nobody's way. ``heavy``, ``nested``: see ``Lanes``."""

    payload: T
    lane: Hashable | None
    heavy: bool
    nested: bool = False
    arrived: float = field(default_factory=time.monotonic)


class LastFirst:
    """A condition that wakes who fell asleep last: its thread is the one whose sockets, stack and caches are warm.

    ``threading.Condition`` takes them in turns, and ten calls after each other come to ten threads.
    """

    def __init__(self, lock: Lock) -> None:
        """``lock`` is held by whoever calls anything here."""
        self._lock = lock
        self._asleep: list[Lock] = []

    def wait(self) -> None:
        bed = Lock()
        bed.acquire()
        self._asleep.append(bed)
        self._lock.release()
        try:
            bed.acquire()
        finally:
            self._lock.acquire()

    def notify(self, count: int = 1) -> None:
        for _ in range(min(count, len(self._asleep))):
            self._asleep.pop().release()

    def notify_all(self) -> None:
        self.notify(len(self._asleep))

    def __len__(self) -> int:
        return len(self._asleep)


class Lanes(Generic[T]):
    """A bounded queue for the workers.

    ``most_heavy`` of the heavy ones (ADD) run at once, so that a burst of them leaves workers for DEL, which
    frees what they wait for. ``most_outer`` of those that are not ``nested`` run at once, so that a burst of
    anything leaves workers for the calls that running plugins make themselves, and without which these don't end.
    """

    def __init__(self, *, most: int, most_heavy: int, most_outer: int) -> None:
        self._most = most
        self._most_heavy = most_heavy
        self._most_outer = most_outer
        self._waiting: deque[Job[T]] = deque()
        self._running: dict[int, tuple[Job[T], float]] = {}
        self._busy: set[Hashable] = set()
        self._heavy = 0
        self._outer = 0
        self._closed = False
        self._lock = Lock()
        # No more workers are woken than there may be work for: each that finds none costs those who have some.
        self._changed = LastFirst(self._lock)
        self._idle = Condition(self._lock)

    def submit(self, job: Job[T]) -> Drop | None:
        """Queue it, or say why not."""
        with self._lock:
            if self._closed:
                return Drop.STOPPING
            if len(self._waiting) >= self._most:
                return Drop.FULL
            self._waiting.append(job)
            self._changed.notify()
            return None

    def take(self) -> Job[T] | None:
        """The next that may run; waits for one. None when closed."""
        with self._lock:
            while not self._closed:
                job = self._next()
                if job is not None:
                    self._running[id(job)] = job, time.monotonic()
                    return job
                self._changed.wait()
            return None

    def done(self, job: Job[T]) -> None:
        """It has ended: its lane moves on."""
        with self._lock:
            del self._running[id(job)]
            if job.lane is not None:
                self._busy.discard(job.lane)
            self._heavy -= job.heavy
            self._outer -= not job.nested
            if self._waiting:
                self._changed.notify(MOST_FREED)
            if not self._running:
                self._idle.notify_all()

    def drop(self, job: Job[T]) -> bool:
        """Take it out of the queue. False when it is not there any more."""
        with self._lock:
            try:
                self._waiting.remove(job)
            except ValueError:
                return False
            self._changed.notify()  # those of its lane stand behind another now
            return True

    def expired(self, seconds: float) -> list[Job[T]]:
        """Take out those that have waited that long."""
        before = time.monotonic() - seconds
        with self._lock:
            late = [job for job in self._waiting if job.arrived <= before]
            for job in late:
                self._waiting.remove(job)
            self._changed.notify(len(late))
            return late

    def close(self) -> list[Job[T]]:
        """Let no more begin. What was waiting is returned; what runs, runs on."""
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return left

    def wait_idle(self, seconds: float) -> bool:
        """Wait until nothing runs. False when something still does after that time."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._running, seconds)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def asleep(self) -> int:
        """Workers that have nothing to do."""
        return len(self._changed)

    def longest(self) -> float:
        """For how many seconds the oldest of the running has run."""
        with self._lock:
            began = min((began for _, began in self._running.values()), default=None)
        return 0.0 if began is None else time.monotonic() - began

    def _next(self) -> Job[T] | None:
        """The oldest whose lane is free. One behind another of its own lane never passes it."""
        passed: set[Hashable] = set()
        for job in self._waiting:
            if job.lane is not None and (job.lane in self._busy or job.lane in passed):
                continue
            heavy = job.heavy and self._heavy >= self._most_heavy
            if heavy or (not job.nested and self._outer >= self._most_outer):
                if job.lane is not None:
                    passed.add(job.lane)
                continue
            self._waiting.remove(job)
            if job.lane is not None:
                self._busy.add(job.lane)
            self._heavy += job.heavy
            self._outer += not job.nested
            return job
        return None
