"""The records on disk: one JSON file a sandbox, ``<container id>@<ifname>.json``.

It is written by an atomic rename before the first change (intended) and after the last (done). There is no
fsync: a record outlives the death of a process, and after a power cut the namespaces are gone anyway; the
boot id in it tells. Of a damaged file a copy is put aside under ``damaged/``, for a person to look at; the
file itself stays until its DEL, which learns from it that there is something to clear. It never stands in
another sandbox's way.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from multinet import damaged, files, log
from multinet.errors import DecodingFailure, IOFailure, NewerRecord
from multinet.locks import Lock
from multinet.plan import Record
from multinet.state.record import from_json, to_json

LOCKS = 1024
"""Sandboxes share this many lock files, which stay: one of its own for each would have to be removed, and
removing a lock file that another waits on is how two get the same lock. Many, since a plugin that hangs holds
up whoever shares its sandbox's."""

FOLDER_MODE = 0o700

LONGEST_NAME = 200
"""A file's name may have 255 bytes, and has some more while it is written. Longer ones are hashed."""


class Attachments:
    """The records under ``folder`` (created when first needed)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sandboxes"
        self._locks = folder / "locks"
        self._damaged = folder / damaged.FOLDER
        # Paths of what every ADD opens are joined as texts: six of them as ``Path`` cost it more than the files.
        self._lock_prefix = f"{self._locks}{os.sep}"
        self._record_prefix = f"{self._folder}{os.sep}"

    def lock(
        self, container_id: str, *, wait: bool = True, remaining: Callable[[], float] | None = None
    ) -> Lock:
        """Held while a verb works on a sandbox: CNI asks for one operation at a time on one container.

        Without ``wait``, entering it while somebody works on the sandbox raises Busy; with it, TryAgain when it
        takes too long, or nothing of ``remaining()`` is left.
        """
        number = zlib.crc32(container_id.encode()) % LOCKS
        return Lock(f"{self._lock_prefix}{number:04d}", wait=wait, dirs=FOLDER_MODE, remaining=remaining)

    def joining(self, remaining: Callable[[], float] | None = None) -> Lock:
        """Held while a sandbox gets its first record. Any number at once."""
        return Lock(f"{self._lock_prefix}joining", shared=True, dirs=FOLDER_MODE, remaining=remaining)

    def closed(self, remaining: Callable[[], float] | None = None) -> Lock:
        """While it is held nobody joins."""
        return Lock(f"{self._lock_prefix}joining", dirs=FOLDER_MODE, remaining=remaining)

    def write(self, record: Record) -> None:
        """Raises IOFailure; then nothing of the sandbox may be changed."""
        file = self._file(record.plan.container_id, record.plan.ifname)
        files.write_atomic(file, to_json(record), dirs=FOLDER_MODE)
        # The kernel's own time of a file is up to a tick too early, and ``written`` is asked who came first.
        now = time.time_ns()
        os.utime(file, ns=(now, now))

    def written(self, container_id: str, ifname: str) -> float:
        """When the record was last written, in seconds of the wall clock; 0.0 where there is none."""
        try:
            return os.stat(self._file(container_id, ifname)).st_mtime
        except OSError:
            return 0.0

    def find(self, container_id: str, ifname: str) -> Record | None:
        """The record, or None when there is none. A damaged one is copied aside and raised as DecodingFailure."""
        return self._read(self._file(container_id, ifname))

    def peek(self, container_id: str, ifname: str) -> Record | None:
        """The record for those who only look: None for one that can't be read, which stays where it is."""
        try:
            return from_json(files.read(self._file(container_id, ifname)))
        except (IOFailure, DecodingFailure):
            return None

    def exists(self, container_id: str, ifname: str) -> bool:
        """Is there a record, readable or not?"""
        return os.path.exists(self._file(container_id, ifname))

    def forget(self, container_id: str, ifname: str) -> None:
        """Absent is success; so is a half-written file of a process that died."""
        file = self._file(container_id, ifname)
        for name in (file, files.temporary(file)):
            if os.path.isdir(name) and not os.path.islink(name):  # which ``remove`` would fail at for ever
                files.make_dirs(self._damaged, mode=0o700)
                files.move(name, f"{self._damaged}{os.sep}{os.path.basename(name)}.{time.time_ns()}")
            else:
                files.remove(name)

    def all(self) -> Iterator[Record]:
        """Every readable record; damaged ones are copied aside on the way, and those that can't be read now (the disk
        fails) are told: neither keeps the others from being gone through.
        """
        try:
            names = sorted(file for file in self._folder.iterdir() if file.suffix == ".json")
        except FileNotFoundError:
            return
        for file in names:
            try:
                record = self._read(str(file))
            except DecodingFailure:
                continue
            except IOFailure as error:
                log.warn("record can't be read", error=str(error))
                continue
            if record is not None:
                yield record

    def look(self) -> tuple[list[Record], list[Path]]:
        """Every record, and the files that can't be read, for those who only look: nothing is put aside.
        Raises IOFailure.
        """
        try:
            names = sorted(file for file in self._folder.iterdir() if file.suffix == ".json")
        except FileNotFoundError:
            return [], []
        except OSError as error:
            raise files.failure("read the folder", self._folder, error) from error
        found: list[Record] = []
        unread: list[Path] = []
        for file in names:
            try:
                found.append(from_json(files.read(file)))
            except (files.NoFile, DecodingFailure):
                unread.append(file)
            except IOFailure:
                if file.exists():
                    raise
                continue  # its DEL came meanwhile
        return found, unread

    def writable(self) -> None:
        """Raise IOFailure when a record could not be written now."""
        files.make_dirs(self._folder, mode=FOLDER_MODE)
        files.probe_writable(self._folder)

    def count(self) -> int:
        """How many sandboxes have a record."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def tidy(self) -> int:
        """Remove what writers that died left half-written, and copies of damaged records that nobody came for.
        How many."""
        old = [*files.older(self._folder, ".*.tmp", files.UNFINISHED_SECONDS)]
        old += files.older(self._damaged, ".*.tmp", files.UNFINISHED_SECONDS)
        old += files.older(self._damaged, "*.json", damaged.SECONDS)
        return sum(files.remove(file) for file in old)

    def _file(self, container_id: str, ifname: str) -> str:
        # Neither may hold a slash, and a container id holds no '@'.
        name = f"{container_id}@{ifname}.json"
        if len(name) > LONGEST_NAME:
            name = f"{sha256(container_id.encode()).hexdigest()}@{ifname}.json"
        return f"{self._record_prefix}{name}"

    def _read(self, file: str) -> Record | None:
        try:
            data = files.read(file)
        except files.NoFile as error:
            unreadable = DecodingFailure(f"the record is damaged: {error.message}")
            unreadable.hint = damaged.put_aside(file, None, error)
            raise unreadable from error
        except IOFailure:
            if os.path.lexists(file):
                raise
            return None
        try:
            record = from_json(data)
            if file != self._file(record.plan.container_id, record.plan.ifname):
                raise DecodingFailure("the record is damaged: it is of another sandbox than its name says")
            return record
        except NewerRecord:
            raise
        except DecodingFailure as error:
            error.hint = damaged.put_aside(file, data, error, folder=self._damaged)
            raise
