"""How long each delegate took, for the one who wants to know: the agent's metrics.

A delegate's call announces its end here, so that no layer below the agent knows of metrics. Nobody listens in
the daemonless mode; then a call costs two comparisons more, and the clock is not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

Listener = Callable[[str, str, float], None]
"""The delegate's CNI type, the verb, and seconds. Called in the thread that did the work, failed or not."""

_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Tell ``listener`` of each call from now on; None ends it."""
    global _listener
    _listener = listener


class timed:
    """The block is one verb of one delegate."""

    __slots__ = ("_began", "_type", "_verb")

    def __init__(self, type_: str, verb: str) -> None:
        self._type = type_
        self._verb = verb

    def __enter__(self) -> None:
        self._began = time.monotonic() if _listener is not None else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _listener is not None and self._began is not None:
            _listener(self._type, self._verb, time.monotonic() - self._began)
