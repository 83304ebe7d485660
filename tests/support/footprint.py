"""What a process holds: open files by kind, threads, memory of its own. Two of them can be compared."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.wait import until

NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    files: Counter[str]
    """``socket:[]``, ``namespace``, ``anon_inode:[eventpoll]``, paths: what descriptors lead to, without numbers."""
    threads: int
    private_kib: int
    """Memory that would be free if it ended, in KiB: neither shared libraries nor what the kernel caches."""
    namespaces: frozenset[int]
    """The network namespaces that it keeps open, by their inodes."""

    @classmethod
    def of(cls, pid: int) -> Self:
        files: Counter[str] = Counter()
        namespaces = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            try:
                leads_to, status = os.readlink(path), os.stat(path)
            except FileNotFoundError:
                continue  # closed meanwhile
            if status.st_dev == os.stat("/proc/self/ns/net").st_dev:
                namespaces.add(status.st_ino)
                leads_to = "namespace"
            files[NUMBER.sub("", leads_to)] += 1
        return cls(
            files=files,
            threads=len(os.listdir(f"/proc/{pid}/task")),
            private_kib=_private_kib(pid),
            namespaces=frozenset(namespaces),
        )


def settled(pid: int, host: str) -> Footprint:
    """Once it has closed what belonged to its last callers, and of namespaces only keeps that one and its own."""
    only = {os.stat(host).st_ino, os.stat(f"/proc/{pid}/ns/net").st_ino}
    until(lambda: Footprint.of(pid).namespaces <= only, what="the agent to let go of its callers' namespaces")
    return Footprint.of(pid)


def _private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(
        int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:"))
    )
