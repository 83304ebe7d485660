"""Is a namespace gone for certain? What can't be seen from here is not.

An agent sees the folder of namespaces only if it is mounted for it; an empty folder of its own image must not be
taken for a node without pods. So a path is gone when it is not there, and its folder is the one that is meant: it is
mounted there, or something in it is a namespace.

Runtimes write `/var/run/netns`, which is `/run/netns` on a node, and only there: a container has what was mounted for
it, and its own `/var/run` may be a folder.
"""

from __future__ import annotations

import os

OWN = "/proc/self/ns/net"
OLD_RUN, RUN = "/var/run/", "/run/"


def provably_gone(path: str) -> bool:
    """``/proc/<pid>/ns/net`` never is: its folder goes with it."""
    if not path:
        return False
    names = {path, RUN + path.removeprefix(OLD_RUN) if path.startswith(OLD_RUN) else path}
    if any(os.path.lexists(name) for name in names):
        return False
    return any(_is_meant(os.path.dirname(name)) for name in names)


def _is_meant(folder: str) -> bool:
    if os.path.ismount(folder):
        return True
    namespaces = os.stat(OWN).st_dev
    try:
        with os.scandir(folder) as entries:
            return any(_device(entry) == namespaces for entry in entries)
    except OSError:
        return False


def _device(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_dev
    except OSError:
        return -1
