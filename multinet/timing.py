"""How long the parts of a request took, for the ones who want to know: the agent's metrics and its history.

A delegate's call announces its end here, so that no layer below the agent knows of either. Nobody listens in
the daemonless mode; then a call costs two comparisons more, and the clock is not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType

Listener = Callable[[str, str, float], None]
"""The delegate's CNI type, the verb, and seconds. Called in the thread that did the work, failed or not."""


class Trace:
    """When which part of one verb ran, by ``time.monotonic``, in the order in which they ended. Tuples, since they
    are made on the way of every ADD and read by few.
    """

    __slots__ = ("began", "calls", "phases")

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.phases: list[tuple[str, float, float]] = []
        """Name, begin, seconds."""
        self.calls: list[tuple[str, str, str, str, float, float, bool]] = []
        """A delegate's network, interface, CNI type, verb; begin, seconds; did it fail."""


trace: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""Of the verb that runs in this thread."""

_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Tell ``listener`` of each call from now on; None ends it."""
    global _listener
    _listener = listener


class timed:
    """The block is one verb of one delegate."""

    __slots__ = ("_began", "_ifname", "_network", "_type", "_verb")

    def __init__(self, type_: str, verb: str, network: str = "", ifname: str = "") -> None:
        self._type = type_
        self._verb = verb
        self._network = network
        self._ifname = ifname

    def __enter__(self) -> None:
        self._began = time.monotonic() if _listener is not None else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if _listener is None or self._began is None:
            return
        seconds = time.monotonic() - self._began
        _listener(self._type, self._verb, seconds)
        if (kept := trace.get()) is not None:
            failed = error is not None
            kept.calls.append(
                (self._network, self._ifname, self._type, self._verb, self._began, seconds, failed)
            )
