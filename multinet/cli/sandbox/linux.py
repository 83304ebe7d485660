"""The system calls that make and enter namespaces. Python has two of them since 3.12, and never ``mount``.

Whatever moves a thread to other namespaces runs by ``in_thread``: in a thread of its own that ends with it.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x8_0000
MS_SHARED = 0x10_0000
MNT_DETACH = 2

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    _call("unshare", ctypes.c_int(flags))


def setns(fd: int, kind: int) -> None:
    _call("setns", ctypes.c_int(fd), ctypes.c_int(kind))


def mount(
    target: Path | str, *, source: Path | str | None = None, kind: str | None = None, flags: int = 0
) -> None:
    _call("mount", _bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), None)


def unmount(target: Path | str) -> None:
    """Away at once, also when it is in use: what uses it keeps it until it ends."""
    _call("umount2", _bytes(target), ctypes.c_int(MNT_DETACH))


def bind(source: Path, target: Path, spare: Path) -> None:
    """Let ``source`` be found at ``target``, in this mount namespace.

    A ``target`` that is not there is not made, since everybody would see it: its parent is mounted upon with a
    copy in which everything is as it was, and ``target`` besides. ``spare`` is an empty folder for the copy.
    """
    if not target.is_dir():
        mount(spare, source="tmpfs", kind="tmpfs")
        for entry in os.scandir(target.parent):
            place = spare / entry.name
            if entry.is_symlink():
                place.symlink_to(os.readlink(entry.path))
                continue
            if entry.is_dir():
                place.mkdir()
            else:
                place.touch()
            mount(place, source=entry.path, flags=MS_BIND | MS_REC)
        (spare / target.name).mkdir(mode=0o755)
        mount(target.parent, source=spare, flags=MS_BIND | MS_REC)
    mount(target, source=source, flags=MS_BIND)


def in_thread(work: Callable[[], T]) -> T:
    """What ``work`` returns or raises, done in a thread that does nothing else before or after."""
    returned: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return returned[0]


def _call(name: str, *args: object) -> None:
    if getattr(_libc, name)(*args):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _bytes(text: Path | str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)
