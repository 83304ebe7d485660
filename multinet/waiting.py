"""What a thread gives up while it waits for the world (a turn that others need, and that it does not use meanwhile),
and how long it may wait.

Who waits deep down (for an address to be tested) knows nothing of turns, and who gives turns out nothing of
addresses; they meet here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

Aside = Callable[[], AbstractContextManager[None]]
Remaining = Callable[[], float]

_thread = threading.local()


def gives_up(aside: Aside | None) -> None:
    """From now on, the calling thread waits inside ``aside()``; None: it holds nothing that others need."""
    _thread.aside = aside


@contextmanager
def within(remaining: Remaining) -> Iterator[None]:
    """The calling thread waits no longer than ``remaining()`` seconds, which may become less at any moment."""
    _thread.remaining = remaining
    try:
        yield
    finally:
        _thread.remaining = None


def waiting() -> AbstractContextManager[None]:
    """For as long as the calling thread waits."""
    aside: Aside | None = getattr(_thread, "aside", None)
    return aside() if aside is not None else nullcontext()


def remaining() -> float:
    """Seconds that the calling thread may wait still: to be asked again and again while it does."""
    asked: Remaining | None = getattr(_thread, "remaining", None)
    return asked() if asked is not None else float("inf")
