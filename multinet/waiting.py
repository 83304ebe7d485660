"""What a thread gives up while it waits for the world: a turn that others need, and that it does not use meanwhile.

Who waits deep down (for an address to be tested) knows nothing of turns, and who gives turns out nothing of
addresses; they meet here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Aside = Callable[[], AbstractContextManager[None]]

_thread = threading.local()


def gives_up(aside: Aside | None) -> None:
    """From now on, the calling thread waits inside ``aside()``; None: it holds nothing that others need."""
    _thread.aside = aside


def waiting() -> AbstractContextManager[None]:
    """For as long as the calling thread waits."""
    aside: Aside | None = getattr(_thread, "aside", None)
    return aside() if aside is not None else nullcontext()
