"""The shim, executed as a runtime does it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multinet.cni.printing import pretty
from tests.shim.agent import SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How it ended, and all it printed."""

    status: int
    out: bytes = b""
    err: bytes = b""


class Running:
    """One call on its way. Its streams are files, so that nobody waits for anybody."""

    def __init__(self, process: subprocess.Popen[bytes], out: int, err: int) -> None:
        self.process = process
        self._out, self._err = out, err

    def end(self) -> End:
        status = self.process.wait(SECONDS)
        out, err = (os.pread(fd, 32 << 20, 0) for fd in (self._out, self._err))
        assert b"Sanitizer" not in err, err.decode(errors="replace")
        assert b"runtime error" not in err, err.decode(errors="replace")
        return End(status=status, out=out, err=err)

    def sleeps(self) -> bool:
        """Does it wait for something?"""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "S"

    def has_pipes(self) -> bool:
        """Is it about to run a program, or running one? Its own streams are files."""
        files = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return any(os.readlink(file).startswith("pipe:") for file in files)


class Shim:
    """One build of it with a folder of its own: the socket, shim.conf, and ``bin`` with programs to run."""

    def __init__(self, program: Path, folder: Path, stack: ExitStack) -> None:
        self.program = program
        self.folder = folder
        self.socket = folder / "agent.sock"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self._stack = stack
        self.configure()

    def configure(self, *lines: str, wait_ms: int = 20_000, answer_ms: int = 25_000) -> None:
        text = [f"wait_ms {wait_ms}", f"answer_ms {answer_ms}", f"bin_dir {self.bin}", *lines]
        (self.folder / "shim.conf").write_text("".join(f"{line}\n" for line in text))

    def script(self, name: str, body: str, *, mode: int = 0o755) -> Path:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(mode)
        return file

    def start(
        self,
        command: str | None = "ADD",
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | Mapping[bytes, bytes] | None = None,
        name: str = "multinet",
        prepare: Callable[[], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Running:
        """``prepare`` happens in its process before it is executed."""
        told = {b"MULTINET_SOCKET": os.fsencode(self.socket)}
        if command is not None:
            told[b"CNI_COMMAND"] = command.encode()
        told |= {os.fsencode(key): os.fsencode(value) for key, value in (env or {}).items()}
        streams = [
            self._stack.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - the stack closes it
            for _ in range(3)
        ]
        os.write(streams[0].fileno(), stdin)
        os.lseek(streams[0].fileno(), 0, os.SEEK_SET)
        process = subprocess.Popen(
            [name],
            executable=self.program,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            env=told,
            preexec_fn=prepare,
            pass_fds=pass_fds,
        )
        self._stack.callback(_end, process)
        return Running(process, streams[1].fileno(), streams[2].fileno())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def error(code: int, message: str, details: str = "") -> bytes:
    """The error object as multinet prints it."""
    said: dict[str, Any] = {"code": code, "msg": message}
    return pretty(said | ({"details": details} if details else {}))
