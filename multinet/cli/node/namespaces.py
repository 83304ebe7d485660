"""Every network namespace of this node that can be seen, and whether that is all of them.

A namespace is found by a process that is in it, or by a mount that keeps it (``ip netns``, container runtimes), in
whatever mount namespace. One that only an open file keeps is not found; no runtime has its containers so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from multinet.cni.types import IP
from multinet.errors import MultinetError, NetnsGone
from multinet.kernel import addresses
from multinet.kernel.namespace import Namespace

FIRST_PID_NAMESPACE: Final = 0xEFFFFFFC
"""The number of the one that the kernel began with (linux/proc_ns.h, PROC_PID_INIT_INO): all others are in it."""
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """``why_not_all``: why there may be namespaces that were not seen, "" when all were."""

    addresses: frozenset[IP] = frozenset()
    why_not_all: str = ""


def look() -> Seen:
    """Every address of every interface of this node, as far as it can be seen."""
    if why := _why_not_all():
        return Seen(why_not_all=why)
    found: set[IP] = set()
    seen: set[tuple[int, int]] = set()
    try:
        for path in _paths():
            try:
                status = os.stat(path)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                found |= _addresses(path)
    except OSError as error:
        return Seen(why_not_all=f"a network namespace can't be seen: {error.filename}: {error.strerror}")
    except MultinetError as error:
        return Seen(why_not_all=f"a network namespace can't be looked into: {error}")
    return Seen(addresses=frozenset(found))


def _why_not_all() -> str:
    if os.geteuid() != 0:
        return "only root sees every network namespace"
    try:
        number = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return "/proc does not show processes"
    if number != FIRST_PID_NAMESPACE:
        return "the node's processes can't be seen from this container: ask on the node, or from a pod with hostPID"
    return ""


def _addresses(path: str) -> set[IP]:
    """Raises MultinetError."""
    try:
        with Namespace.open(path) as namespace:
            return {entry.address.ip for entry in addresses.dump(namespace.rtnl)}
    except NetnsGone:
        return set()


def _paths() -> Iterator[str]:
    """Those of processes, then those of mounts; one namespace may come several times. Raises OSError."""
    mount_namespaces: dict[int, str] = {}
    for name in os.listdir("/proc"):
        # The machine's first process may have more rights than we. It is in the node's own namespace.
        if not name.isdigit() or name == "1":
            continue
        yield f"/proc/{name}/ns/net"
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            mount_namespaces.setdefault(os.stat(f"/proc/{name}/ns/mnt").st_ino, f"/proc/{name}")
    for process in mount_namespaces.values():
        yield from (f"{process}/root{place}" for place in _kept_by_mounts(process))


def _kept_by_mounts(process: str) -> Iterator[str]:
    """proc(5): ``36 35 0:4 net:[4026532281] /run/netns/a rw shared:2 - nsfs nsfs rw``"""
    try:
        with open(f"{process}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return
    for line in lines:
        words = line.split()
        if " - nsfs " in line and words[3].startswith("net:"):
            yield _OCTAL.sub(lambda found: chr(int(found[1], 8)), words[4])
