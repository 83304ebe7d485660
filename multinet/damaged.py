"""Files of ours that can't be read any more: a copy is put aside for a person to look at, and somebody is told.

What tells of one sandbox must never stand in another's way, so whoever finds such a file goes on without it. The
agent listens, and writes an event on its node. A process tells of one file once, unless it changes.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from threading import Lock
from typing import Final

from multinet import files, log
from multinet.errors import IOFailure, MultinetError

FOLDER: Final = "damaged"
"""Beside the files, or in the folder above them; what reads those looks at files only."""
SECONDS: Final = 30 * 86400.0
"""How long what was put aside is kept: long enough for somebody to ask what happened."""
REMEMBERED: Final = 1000
"""Files that were told of. A disk that loses more is told of anew."""

Listener = Callable[[str], None]
"""Told in one sentence which file is damaged, how, and where its copy is."""

_listener: Listener | None = None
_told: dict[tuple[str, int], str] = {}
_lock = Lock()


def listen(listener: Listener | None) -> None:
    """One at a time; None: nobody any more."""
    global _listener
    _listener = listener
    with _lock:
        _told.clear()


def put_aside(
    path: files.AnyPath, data: bytes | None, why: MultinetError | str, *, folder: files.AnyPath = ""
) -> str:
    """Keep a copy of what was read and made no sense; None for what is no file. What is at ``path`` is left to who
    owns it. Returns where the copy is, or why there is none: a full disk must not keep a DEL from going on.
    """
    why = why.sentence if isinstance(why, MultinetError) else why
    key = os.fspath(path), zlib.crc32(data or b"")
    with _lock:
        if (known := _told.get(key)) is not None:
            return known
    try:
        there = _copy(path, data, folder)
    except IOFailure as error:  # it is tried again when the file is read again
        there = f"no copy could be put aside: {error.message}"
    else:
        with _lock:
            while len(_told) >= REMEMBERED:
                _told.pop(next(iter(_told)))
            _told[key] = there
    log.warn("damaged file", file=os.fspath(path), error=why, copy=there)
    if _listener is not None:
        _listener(f"{path}: {why}; {there}")
    return there


def _copy(path: files.AnyPath, data: bytes | None, folder: files.AnyPath) -> str:
    if data is None:
        return "it was left where it is"
    aside = os.fspath(folder) or os.path.join(os.path.dirname(path), FOLDER)
    copy = os.path.join(aside, os.path.basename(path))
    files.make_dirs(aside, mode=0o700)
    for old in files.older(aside, "*", SECONDS):
        files.remove(old)
    files.write_atomic(copy, data)
    return f"a copy was put aside as {copy}"


def take_away(path: files.AnyPath, data: bytes, why: MultinetError | str) -> None:
    """Put a copy aside and remove the file: nobody else would. Raises IOFailure."""
    put_aside(path, data, why)
    files.remove(path)
