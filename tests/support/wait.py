"""Waiting for a condition, with a deadline. Tests never sleep for a time and hope."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, seconds: float = 5.0, what: str = "the condition") -> T:
    """Return the first truthy value of ``condition``; AssertionError when ``seconds`` pass without one."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return value


class TooSlow(BaseException):
    """Not an ``Exception``, so that nothing under test takes it for trouble of its own."""


@contextmanager
def at_most(seconds: float, *, of_the_processor: float = 0.0) -> Iterator[None]:
    """Raise TooSlow in the block when it is not left in time: by the clock, or (0: any time) by the processor, which
    others may have as well. Only a main thread hears signals, and inside of C code only when that comes back.
    """

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"it took more than {of_the_processor or seconds:g} seconds")

    timers = {
        signal.ITIMER_REAL: (signal.SIGALRM, seconds),
        signal.ITIMER_PROF: (signal.SIGPROF, of_the_processor),
    }
    before = {number: signal.signal(number, ring) for number, _ in timers.values()}
    for timer, (_, limit) in timers.items():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
