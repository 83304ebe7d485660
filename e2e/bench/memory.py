"""How much memory one process uses, as the kernel charges it: a memory cgroup of its own (version 1 or 2).

Counted is what a container's limit counts: anonymous memory, the kernel's memory on the group's behalf, files
on tmpfs that it writes, and pages of other files that it was the first to read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from contenders import Failed

from tests.support.wait import until

CGROUP = Path("/sys/fs/cgroup")
PREFIX = "multinet-bench-"
GONE_SECONDS = 10
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    folder: Path
    peak_file: str

    @property
    def wrapper(self) -> Sequence[str]:
        """Put before a command line, it runs in the group from its first instruction on."""
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh")

    @property
    def peak(self) -> float:
        """MiB."""
        return int((self.folder / self.peak_file).read_text()) / MIB


@contextmanager
def group() -> Iterator[Group]:
    """To be left when the processes in it have ended. Raises Failed where the kernel grants none."""
    version_1 = CGROUP / "memory"
    root, peak_file = (
        (version_1, "memory.max_usage_in_bytes") if version_1.is_dir() else (CGROUP, "memory.peak")
    )
    # Of a bench that was killed.
    for left in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            left.rmdir()
    made = Group(folder=root / f"{PREFIX}{os.getpid()}", peak_file=peak_file)
    try:
        if root == CGROUP:
            (root / "cgroup.subtree_control").write_text("+memory")
        made.folder.mkdir()
    except OSError as error:
        raise Failed(f"no memory cgroup can be made in {root}: {error.strerror}") from error
    try:
        yield made
    finally:
        until(lambda: removed(made.folder), seconds=GONE_SECONDS, what=f"{made.folder} to be empty")


def removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def resident(pid: int) -> float:
    """RSS of a process, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MIB
    raise Failed(f"process {pid} tells nothing of its memory")
