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
    """``socket:[]``, ``net:[]``, ``anon_inode:[eventpoll]``, paths: what a descriptor leads to, without numbers."""
    threads: int
    private_kib: int
    """Memory that would be free if it ended, in KiB: neither shared libraries nor what the kernel caches."""
    namespaces: frozenset[int]
    """The network namespaces that it keeps open, by their inodes."""

    @classmethod
    def of(cls, pid: int) -> Self:
        targets = _files(pid)
        return cls(
            files=Counter(NUMBER.sub("", target) for target in targets),
            threads=len(os.listdir(f"/proc/{pid}/task")),
            private_kib=_private_kib(pid),
            namespaces=frozenset(
                int(target.strip("net:[]")) for target in targets if target.startswith("net:")
            ),
        )


def _files(pid: int) -> list[str]:
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def settled(pid: int) -> Footprint:
    """Once it has closed what belonged to its last callers."""

    def quiet() -> Footprint | None:
        first, second = Footprint.of(pid), Footprint.of(pid)
        return second if (first.files, first.namespaces) == (second.files, second.namespaces) else None

    found = until(quiet)
    assert found is not None
    return found


def _private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(
        int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:"))
    )
