"""What the files of a network's folder say, kept between requests.

Reading a folder costs an open, a read and a close for each reservation, and the reference does it on every
request. Here it is read again only when the folder has changed otherwise than by us, which its modification
time tells. That clock may tick as seldom as every 10 ms, so a time alone does not do:

* a folder that we have just changed gets a time of our own, a little before the kernel's and later than any
  it had: whatever happens to it afterwards, even within the same tick, gives it another one;
* a folder whose time is the kernel's and young is not kept at all.

All of it happens under the folder's lock. An index is a hint all the same: whether an address is free is
decided by the creation of its file.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left, bisect_right, insort
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from threading import Lock
from typing import NamedTuple, Self

from multinet import steps

LOCK = "lock"
LAST = "last_reserved_ip."

LONGEST = 4096
"""No owner is longer. What is more, is somebody else's file."""

OLD = 20_000_000
"""Nanoseconds after which the clock of files has ticked for certain."""

BEFORE = 1_000_000
"""Nanoseconds that a time of our own lies before the kernel's, at most."""

FOLDERS = 64
ENTRIES = 32768
"""How much is kept in all: 0.4 kB an entry."""


class Taken:
    """Addresses in use, as sorted numbers."""

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def first_free(self, start: int) -> int:
        """The first number from ``start`` on that is not in use.

        Numbers in a row differ from their places in the list by the same amount, so the end of a row is found
        by bisection too, however long it is.
        """
        numbers = self._numbers
        at = bisect_left(numbers, start)
        if at == len(numbers) or numbers[at] != start:
            return start
        ahead = start - at
        after = bisect_right(range(len(numbers)), ahead, lo=at, key=lambda place: numbers[place] - place)
        return after + ahead

    def add(self, number: int) -> None:
        if self.first_free(number) == number:
            insort(self._numbers, number)

    def discard(self, number: int) -> None:
        at = bisect_left(self._numbers, number)
        if at < len(self._numbers) and self._numbers[at] == number:
            del self._numbers[at]


class Stamp(NamedTuple):
    """The state of a folder. Two equal ones mean that nothing happened between, if the time is trusted."""

    device: int
    inode: int
    time: int

    @classmethod
    def of(cls, folder: str) -> Self:
        status = os.stat(folder)
        return cls(status.st_dev, status.st_ino, status.st_mtime_ns)


class Index:
    """The files of one folder by name, by content, and as addresses."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._names: dict[bytes, list[str]] = {}
        self.taken = {4: Taken(), 6: Taken()}
        self.last: dict[int, str] = {}
        """What was given last from a range set, as far as it was us. Whoever else gives one changes the folder."""

    @classmethod
    def read(cls, folder: str) -> Self:
        """What can't be read or is not finished is nobody's (b""); folders in the folder are not looked into.

        Raises OSError.
        """
        index = cls()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != LOCK and not entry.name.startswith(LAST) and not entry.is_dir():
                    index.put(entry.name, b"" if _is_unfinished(entry.name) else _content(entry.path))
        return index

    def __len__(self) -> int:
        return len(self._contents)

    def files(self) -> list[tuple[str, bytes]]:
        """Name and content of each."""
        return list(self._contents.items())

    def content(self, name: str) -> bytes | None:
        return self._contents.get(name)

    def unfinished(self) -> list[str]:
        """What a dead process was writing: under the lock nobody is."""
        return [name for name in self.with_content(b"") if _is_unfinished(name)]

    def with_content(self, content: bytes) -> list[str]:
        """The names of all such files, sorted, as the reference walks them."""
        return sorted(self._names.get(content, ()))

    def put(self, name: str, content: bytes) -> None:
        self._contents[name] = content
        self._names.setdefault(content, []).append(name)
        if (address := number_of(name)) is not None:
            version, number = address
            self.taken[version].add(number)

    def drop(self, name: str) -> None:
        names = self._names[content := self._contents.pop(name)]
        names.remove(name)
        if not names:
            del self._names[content]
        if (address := number_of(name)) is not None:
            version, number = address
            self.taken[version].discard(number)


class Indexes:
    """Those of the folders used last. For any thread, but each folder under its lock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, tuple[Stamp, Index]] = {}
        self._entries = 0
        """In all of them."""

    def take(self, folder: str) -> tuple[Index, Stamp, bool]:
        """The index as the folder is now, its stamp, and whether that may be trusted. Raises OSError."""
        stamp = Stamp.of(folder)
        with self._lock:
            kept = self._pop(folder)
        if kept is not None and kept[0] == stamp:
            return kept[1], stamp, True
        return Index.read(folder), stamp, time.time_ns() - stamp.time > OLD

    def keep(self, folder: str, index: Index, stamp: Stamp) -> None:
        with self._lock:
            self._pop(folder)
            self._kept[folder] = stamp, index
            self._entries += len(index)
            while len(self._kept) > FOLDERS or self._entries > ENTRIES:
                self._pop(next(iter(self._kept)))

    def _pop(self, folder: str) -> tuple[Stamp, Index] | None:
        kept = self._kept.pop(folder, None)
        if kept is not None:
            self._entries -= len(kept[1])
        return kept


def mark(folder: str, before: Stamp) -> Stamp | None:
    """Give a folder that we have changed a time of our own; ``before`` is what it was when we locked it.

    None where that does not work: the clock was set back, or the file system keeps whole seconds only.
    """
    status = os.stat(folder)
    wanted = max(before.time + 1, status.st_mtime_ns - BEFORE)
    if wanted >= status.st_mtime_ns:
        return None
    steps.step(f"set the time of {folder}")
    os.utime(folder, ns=(status.st_atime_ns, wanted))
    marked = Stamp.of(folder)
    return marked if marked.time == wanted else None


def number_of(name: str) -> tuple[int, int] | None:
    """Family and number of the address that a file is the reservation of; None for other files."""
    try:
        if ":" not in name:
            return 4, int.from_bytes(inet_pton(AF_INET, name))
        packed = inet_pton(AF_INET6, name)
        return (6, int.from_bytes(packed)) if inet_ntop(AF_INET6, packed) == name else None
    except (OSError, ValueError):
        return None


def _is_unfinished(name: str) -> bool:
    """Is it a ``files.temporary`` name?"""
    return name.startswith(".") and name.endswith(".tmp")


def _content(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        content = os.read(fd, LONGEST + 1)
    except OSError:
        return b""
    finally:
        os.close(fd)
    return content.strip() if len(content) <= LONGEST else b""
