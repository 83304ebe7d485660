"""Locks on files (flock), which hold against threads and processes alike and end with their process."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from multinet import steps
from multinet.errors import Busy, TryAgain
from multinet.files import NO_FOLDER, AnyPath, failure, make_dirs
from multinet.waiting import waiting

LOCK_SECONDS = 60.0
"""How long a lock is waited for. Each is held for milliseconds, but that of a sandbox: for as long as its plugins
take, of which one may hang."""

FIRST_PAUSE, LONGEST_PAUSE, PAUSE_SHARE = 0.0002, 0.02, 0.125
"""Seconds between two looks at a lock that another process holds: an eighth of what was waited so far, so that what
is held for a moment is had a moment later, and what hangs costs an idle processor nothing. The kernel has no lock on
a file that could be waited for up to a point in time (a signal that ends such a wait would have to be ours alone)."""

LINE_SECONDS = 0.1
"""How often who stands in line looks whether there is time left: it may become less at any moment."""


class _Line:
    """Those of this process who wait for one lock. The first of them looks at it, and is told when it is freed here;
    the others wait for the first: without, whoever comes last may have it first, for seconds on end.
    """

    def __init__(self) -> None:
        self.first = threading.Lock()
        self.freed = threading.Event()


_lines: WeakValueDictionary[str, _Line] = WeakValueDictionary()
_lines_lock = threading.Lock()


class Lock:
    """A lock on a file (flock), made where there is none: ``with Lock(path): ...``. Exclusive, or ``shared``.

    It holds against other processes and against other threads of this one, and ends with the process. The
    file is never removed: who waits on a removed file would hold a lock that nobody else knows. Leaving the
    block closes it; a ``Lock`` is held by one thread at a time. Without ``wait``, entering it while somebody
    holds it raises Busy; with it, TryAgain after LOCK_SECONDS, or when of ``remaining()`` seconds there are none.
    """

    def __init__(
        self,
        path: AnyPath,
        mode: int = 0o600,
        *,
        wait: bool = True,
        shared: bool = False,
        dirs: int | None = None,
        remaining: Callable[[], float] | None = None,
    ) -> None:
        """``dirs``: the mode of folders, which are made where they are missing."""
        self._path = path
        self._mode = mode
        self._dirs = dirs
        self._how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        self._wait = wait
        self._remaining = remaining
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            try:
                fd = os.open(self._path, os.O_RDONLY)
            except NO_FOLDER as error:  # or no file in it
                if self._dirs is not None:
                    make_dirs(os.path.dirname(self._path), self._dirs)
                elif isinstance(error, NotADirectoryError):
                    raise
                steps.step(f"create {self._path}")
                fd = os.open(self._path, os.O_RDONLY | os.O_CREAT, self._mode)
            try:
                if (self._wait and str(self._path) in _lines) or not self._taken(fd):
                    if not self._wait:
                        raise Busy(f"could not lock {self._path}: it is held", errno=errno.EAGAIN)
                    with waiting():
                        self._wait_for(fd)
            except BaseException:
                os.close(fd)
                raise
        except OSError as error:
            raise failure("lock", self._path, error) from error
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)
        if (line := _lines.get(str(self._path))) is not None:
            line.freed.set()

    def _taken(self, fd: int) -> bool:
        try:
            fcntl.flock(fd, self._how)
        except BlockingIOError:
            return False
        return True

    def _wait_for(self, fd: int) -> None:
        began = time.monotonic()
        with _lines_lock:
            line = _lines.setdefault(str(self._path), _Line())
        while not line.first.acquire(timeout=min(LINE_SECONDS, self._left(began))):
            pass
        try:
            while True:
                line.freed.clear()
                if self._taken(fd):
                    return
                pause = max(FIRST_PAUSE, min(LONGEST_PAUSE, PAUSE_SHARE * (time.monotonic() - began)))
                line.freed.wait(min(pause, self._left(began)))
        finally:
            line.first.release()

    def _left(self, began: float) -> float:
        """Seconds that may be waited still. Raises TryAgain when there are none."""
        waited = time.monotonic() - began
        left = LOCK_SECONDS - waited
        if self._remaining is not None:
            left = min(left, self._remaining())
        if left <= 0:
            raise TryAgain(
                f"could not lock {self._path} within {waited:.0f} seconds: somebody holds it",
                hint=f"the runtime will try again; `fuser -v {self._path}` tells which process it is, and the "
                "agent's log what that works on",
            )
        return left
