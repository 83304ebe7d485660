"""Where the measuring happens: namespaces that nobody sees, and that end with the process.

The process enters a network and a mount namespace of its own. Containers' namespaces are held by bind mounts
on a tmpfs that only it sees, and the state files lie there too. So however it ends, nothing is left.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


class World:
    """The host is this process's own network namespace; everything on disk is below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "netns").mkdir()

    @classmethod
    def enter(cls) -> World:
        """To be called once, before any thread is started."""
        _call("unshare", CLONE_NEWNET | CLONE_NEWNS)
        _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        _call("mount", b"multinet-bench", b"/mnt", b"tmpfs", 0, None)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return cls(Path("/mnt"))

    def containers(self, count: int) -> list[str]:
        """Paths of so many new network namespaces, with lo down, as a runtime hands them over."""
        return list(itertools.islice(self._each(), count))

    def _each(self) -> Iterator[str]:
        while True:
            path = self.folder / "netns" / str(next(_numbers))
            path.touch()
            # Only a thread that ends may leave its namespace: the process must not move.
            maker = Thread(target=_hold_new_namespace, args=(os.fsencode(path),))
            maker.start()
            maker.join()
            if path.stat().st_dev == self.folder.stat().st_dev:
                raise OSError(f"no network namespace could be made at {path}")
            yield str(path)


def _hold_new_namespace(path: bytes) -> None:
    _call("unshare", CLONE_NEWNET)
    _call("mount", b"/proc/thread-self/ns/net", path, None, MS_BIND, None)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
