"""Is a namespace gone for certain? What can't be seen from here is not.

An agent sees the folder of namespaces only if it is mounted for it; an empty folder of its own image must not be
taken for a node without pods. So a path is gone when it is not there and something beside it in its folder is
a namespace, which shows that this is the folder that is meant.
"""

from __future__ import annotations

import os

OWN = "/proc/self/ns/net"


def provably_gone(path: str) -> bool:
    """``/proc/<pid>/ns/net`` never is: its folder goes with it."""
    if not path or os.path.lexists(path):
        return False
    namespaces = os.stat(OWN).st_dev
    try:
        with os.scandir(os.path.dirname(path)) as entries:
            return any(_device(entry) == namespaces for entry in entries)
    except OSError:
        return False


def _device(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_dev
    except OSError:
        return -1
