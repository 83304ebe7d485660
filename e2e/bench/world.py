"""Where the measuring happens: namespaces that nobody else sees, and that end with the process.

The process enters a network and a mount namespace of its own: the host. Containers' namespaces are held by
bind mounts on a tmpfs that only it sees, and the state files lie there too. So however it ends, nothing is
left.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from multinet.kernel import links
from multinet.kernel.namespace import Namespace

CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
FOLDER = Path("/mnt")
WITNESS = "witness"
GONE_SECONDS = 30

_libc = ctypes.CDLL(None, use_errno=True)


class World:
    """The host is this process's own network namespace; everything on disk is below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    @classmethod
    def enter(cls) -> World:
        """To be called once, as root, before any thread is started."""
        _call("unshare", CLONE_NEWNET | CLONE_NEWNS)
        _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        _call("mount", b"multinet-bench", os.fsencode(FOLDER), b"tmpfs", 0, None)
        (FOLDER / "netns").mkdir()
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return cls(FOLDER)

    @contextmanager
    def containers(self, count: int) -> Iterator[list[str]]:
        """Paths of so many fresh network namespaces, as a runtime hands them over: lo is down.

        They are gone when the block is left, not only on the way: clearing up would be measured otherwise.
        """
        paths = [self._container() for _ in range(count)]
        yield paths
        drop(paths)

    def _container(self) -> str:
        self._made += 1
        path = self.folder / "netns" / str(self._made)
        path.touch()
        failures: list[OSError] = []

        def hold() -> None:
            # Only a thread that ends may leave its namespace: the process must not move.
            try:
                _call("unshare", CLONE_NEWNET)
                _call("mount", b"/proc/thread-self/ns/net", os.fsencode(path), None, MS_BIND, None)
            except OSError as error:
                failures.append(error)

        maker = Thread(target=hold)
        maker.start()
        maker.join()
        if failures:
            raise failures[0]
        return str(path)


def drop(paths: Sequence[str]) -> None:
    """Let the namespaces go and wait until they are: a link into the last of them goes with it."""
    with Namespace.current() as host:
        with Namespace.open(paths[-1]) as last:
            links.create_veth(last.rtnl, "w", WITNESS, peer_ns_fd=host.fd)
        for path in paths:
            _call("umount2", os.fsencode(path), MNT_DETACH)
            os.unlink(path)
        deadline = time.monotonic() + GONE_SECONDS
        while links.find(host.rtnl, WITNESS) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"network namespaces are still there after {GONE_SECONDS} s")
            time.sleep(0.01)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
