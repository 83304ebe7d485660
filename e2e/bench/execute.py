"""Executing a program as a runtime does: environment and stdin in, stdout out, and what it cost.

`posix_spawn` starts it like vfork does, so the size of this process is no part of what is measured. Files are
made beforehand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from contenders import Cost, Failed

MOST_OUTPUT = 65536


class Execution:
    """One program with its environment and stdin, which can be run again."""

    def __init__(self, program: Path, env: Mapping[str, str], stdin: bytes) -> None:
        self._program = str(program)
        self._env = dict(env)
        self._stdin = os.memfd_create("stdin")
        os.write(self._stdin, stdin)
        self._stdout = os.memfd_create("stdout")

    def run(self) -> Cost:
        """From its start to its end. Raises Failed."""
        os.lseek(self._stdin, 0, os.SEEK_SET)
        began = time.monotonic_ns()
        pid = os.posix_spawn(
            self._program,
            [self._program],
            self._env,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, self._stdin, 0),
                (os.POSIX_SPAWN_DUP2, self._stdout, 1),
            ],
        )
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic_ns() - began
        if status:
            said = os.pread(self._stdout, MOST_OUTPUT, 0).decode(errors="replace")
            verb = self._env.get("CNI_COMMAND", "")
            raise Failed(f"{self._program} {verb} ended with status {status}: {said}")
        return Cost(cpu=round((usage.ru_utime + usage.ru_stime) * 1e9), wall=wall)

    def close(self) -> None:
        os.close(self._stdin)
        os.close(self._stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
