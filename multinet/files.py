"""Changes to the disk: whole or not at all, each announced, each failure naming its file.

What is written here must outlive the death of a process at any moment, so a file appears under its name only
when all of it is there. There is no fsync: what these files tell of (namespaces, links, who has an address)
does not outlive the machine either.

A name that is needed on the way is derived from the file's own (``temporary``), so that whoever clears up
after a dead process knows where to look.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from multinet import steps
from multinet.errors import IOFailure

AnyPath: TypeAlias = str | Path

HINTS = {
    errno.EACCES: "run as root, or give this user the right to",
    errno.EPERM: "run as root, or give this user the right to",
    errno.ENOSPC: "make room on that file system",
    errno.EDQUOT: "make room on that file system",
    errno.EROFS: "name a place on a file system that is mounted for writing",
    errno.EEXIST: "what has that name is no folder",
    errno.ENOTDIR: "a part of the path is a file",
}

CHUNK = 65536
"""Bytes read at once."""

LARGEST = 16 << 20
"""Bytes that are read of a file. The largest of ours, a record of as many networks as a pod may have, each with a
configuration as long as it may be, has eight million."""

NOT_OPENED = (errno.ENXIO, errno.ENODEV, errno.ELOOP)
"""What open() says of a socket, of a device without a driver, and of a link that leads to itself."""

PROBE = 4096
"""Bytes written to see whether there is room: a block, of which a record needs no more than a few."""

UNFINISHED_SECONDS = 3600.0
"""A file that has its ``temporary`` name for that long has no writer any more."""

NO_FOLDER = (FileNotFoundError, NotADirectoryError)

NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR)
"""What open() says where the file system has no unnamed files (NFS; overlayfs before Linux 6.1)."""


def failure(doing: str, path: AnyPath, error: OSError) -> IOFailure:
    """``could not <doing> <path>: No space left on device``"""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return IOFailure(f"could not {doing} {path}: {reason}", hint=HINTS.get(error.errno or 0, ""))


def temporary(path: AnyPath) -> str:
    """The name a file has while it is written."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.tmp")


class NoFile(IOFailure):
    """What is there is a folder, a pipe or a device, or has no end: it will never be read."""


def read(path: AnyPath) -> bytes:
    """Raises IOFailure, also when there is no such file, and NoFile: who wrote the path need not be who reads it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise NoFile(f"could not read {path}: it is no regular file", hint="name a file")
            size = 0
            parts: list[bytes] = []
            while max(size, status.st_size) <= LARGEST and (part := os.read(fd, CHUNK)):
                parts.append(part)
                size += len(part)  # it may grow meanwhile, and in /proc it has no size
            if max(size, status.st_size) > LARGEST:
                raise NoFile(f"could not read {path}: it has more than {LARGEST} bytes")
            return b"".join(parts)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in NOT_OPENED:
            raise NoFile(f"could not read {path}: {os.strerror(error.errno)}", hint="name a file") from error
        raise failure("read", path, error) from error


def make_dirs(path: AnyPath, mode: int = 0o755) -> None:
    """The folder and those above it; ``mode`` is for each that is made."""
    if os.path.isdir(path):
        return
    path = Path(path)
    if path.parent != path:
        make_dirs(path.parent, mode)
    steps.step(f"make the folder {path}")
    try:
        path.mkdir(mode, exist_ok=True)
    except OSError as error:
        raise failure("make the folder", path, error) from error


def let_owner_in(folder: AnyPath) -> None:
    """Where its mode keeps its owner out, change that: only a root with all capabilities passes nevertheless, and the
    agent is none. Nothing happens where there is no such folder, or it is somebody else's.
    """
    try:
        status = os.stat(folder)
        if status.st_uid == os.geteuid() and status.st_mode & 0o700 != 0o700:
            steps.step(f"let root into {folder}")
            os.chmod(folder, status.st_mode & 0o777 | 0o700)
    except FileNotFoundError:
        return
    except OSError as error:
        raise failure("change the mode of", folder, error) from error


def write_atomic(path: AnyPath, data: bytes, mode: int = 0o600, dirs: int | None = None) -> None:
    """Write a file that readers see as it was or as it is now. One writer at a time: it is theirs to lock.

    ``dirs``: the mode of folders, which are made where they are missing.
    """
    unfinished = temporary(path)
    try:
        try:
            _write_named(unfinished, data, mode)
        except NO_FOLDER:
            if dirs is None:
                raise
            make_dirs(os.path.dirname(unfinished), dirs)
            _write_named(unfinished, data, mode)
        steps.step(f"rename {unfinished} to {path}")
        os.replace(unfinished, path)
    except OSError as error:
        with suppress(OSError):  # on a disk that is full, it would take the room that is left from others
            os.unlink(unfinished)
        raise failure("write", path, error) from error


def overwrite(path: AnyPath, data: bytes, mode: int = 0o600) -> None:
    """Write into the file itself, made where there is none: for what may be lost, but not be in the way.

    It is never emptied first: ext4 takes that for a careless rewrite and starts writing to the device when
    the file is closed, which costs more than all the rest of an ADD's files.
    """
    steps.step(f"write {path}")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, mode)
        try:
            if os.fstat(fd).st_size > len(data):
                os.ftruncate(fd, len(data))
            _write_all(fd, data)
        finally:
            os.close(fd)
    except OSError as error:
        raise failure("write", path, error) from error


def create(path: AnyPath, data: bytes, mode: int = 0o600) -> bool:
    """Make a file that is not there yet, whole. False when something of that name is there.

    It is written without a name and gets one when it is finished. Where the file system can't do that it is
    written under its ``temporary`` name, of which a dead process may leave one.
    """
    try:
        try:
            _create_unnamed(path, data, mode)
        except FileExistsError:
            raise
        except OSError as error:
            # ENOENT: /proc is not mounted; or the folder is not there, and then it comes again.
            if error.errno not in (*NO_TMPFILE, errno.ENOENT):
                raise
            _create_named(path, data, mode)
    except FileExistsError:
        return False
    except OSError as error:
        raise failure("create", path, error) from error
    return True


def remove(path: AnyPath) -> bool:
    """Absent is fine, and False."""
    steps.step(f"remove {path}")
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False  # nothing can have that name
        if error.errno == errno.EROFS and not os.path.lexists(path):
            return False  # there, the kernel does not look first
        raise failure("remove", path, error) from error
    return True


def older(folder: AnyPath, pattern: str, seconds: float) -> list[Path]:
    """The files of that pattern in a folder that were last written that long ago; none where it can't be read."""
    before = time.time() - seconds
    found = []
    for file in sorted(Path(folder).glob(pattern)):
        with suppress(OSError):
            status = file.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime < before:
                found.append(file)
    return found


def move(source: AnyPath, target: AnyPath) -> None:
    """Within a file system, over whatever has that name."""
    steps.step(f"rename {source} to {target}")
    try:
        os.replace(source, target)
    except OSError as error:
        raise failure(f"rename {source} to", target, error) from error


def link(to: str, path: AnyPath) -> None:
    """Make ``path`` a symbolic link."""
    steps.step(f"link {path}")
    try:
        os.symlink(to, path)
    except OSError as error:
        raise failure("link", path, error) from error


def nearest(folder: AnyPath) -> str:
    """The folder, or what exists of its path, where it would be made."""
    found = os.fspath(folder)
    while not os.path.exists(found):
        found = os.path.dirname(found) or "."
    return found


def probe_writable(folder: AnyPath) -> None:
    """Raise IOFailure when no file could be made in ``folder`` now, or nothing written to it. Nothing is left
    there.
    """
    try:
        try:
            fd = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
            try:
                os.write(fd, bytes(PROBE))
            finally:
                os.close(fd)
        except OSError as error:
            if error.errno not in NO_TMPFILE:
                raise
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "") from None
    except OSError as error:
        raise failure("write to", folder, error) from error


def _write_named(path: AnyPath, data: bytes, mode: int) -> None:
    steps.step(f"write {path}")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        _write_all(fd, data)
    finally:
        os.close(fd)


def _create_unnamed(path: AnyPath, data: bytes, mode: int) -> None:
    fd = os.open(os.path.dirname(path) or ".", os.O_TMPFILE | os.O_WRONLY, mode)
    try:
        _write_all(fd, data)
        steps.step(f"create {path}")
        # A folder has to be given, or Python calls link(), which does not follow the link in /proc.
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
    finally:
        os.close(fd)


def _create_named(path: AnyPath, data: bytes, mode: int) -> None:
    unfinished = temporary(path)
    try:
        _write_named(unfinished, data, mode)
        steps.step(f"create {path}")
        os.link(unfinished, path)
    finally:
        steps.step(f"remove {unfinished}")
        with suppress(FileNotFoundError):
            os.unlink(unfinished)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def signature(path: Path) -> tuple[int, int, int] | None:
    """Tells one content of a file from the next, without reading it; None when nothing is there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
