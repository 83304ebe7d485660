"""Remove what a cluster leaves when it ends, however it ends: run beside it, and told by the end of its own input.
Only its logs are kept, those of the last run.

    python -m e2e.cluster.sweeper FOLDER CGROUP...

The control groups go as soon as nothing is in them, and then the folder. Whoever holds the other end of standard
input may be killed: the kernel closes it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from e2e.cluster.machine import removed
from tests.support import tree
from tests.support.wait import until

LOGS: Final = "logs"
"""In the folder of a run, in one of the cluster's; afterwards they are where ``KEPT`` says."""
KEPT: Final = tree.ROOT / ".cache" / "e2e" / "logs"

SECONDS = 60.0
"""For the processes in a control group to end: all have been killed by then."""


class Sweeper:
    """``with Sweeper(folder, cgroups):`` and all of these are gone afterwards."""

    def __init__(self, folder: Path, cgroups: list[str]) -> None:
        self._command = [sys.executable, "-m", "e2e.cluster.sweeper", str(folder), *cgroups]

    def __enter__(self) -> Self:
        # In a session of its own, so that what the terminal says to the run is not said to it.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, cwd=tree.ROOT, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = self._process.wait(SECONDS + 10)
        assert status == 0, f"the sweeper ended with status {status}"


def main(folder: Path, cgroups: list[str]) -> None:
    sys.stdin.buffer.read()
    for cgroup in cgroups:
        until(
            lambda name=cgroup: removed(name), seconds=SECONDS, what=f"the control group {cgroup} to be empty"
        )
    for logs in (folder / LOGS).glob("*"):
        shutil.rmtree(KEPT / logs.name, ignore_errors=True)
        shutil.copytree(logs, KEPT / logs.name)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
