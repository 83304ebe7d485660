"""Calling a plugin as a runtime does: verb and names in the environment, configuration on stdin.

Three drivers, one request: the reference's executable, ours as an executable, and ours within this process
(an interpreter's start costs more than all the rest of a case).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    type: str
    env: Mapping[str, str]
    """All CNI_* variables but CNI_PATH, which is the driver's."""
    stdin: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    exit_code: int
    stdout: bytes
    stderr: bytes = b""

    @property
    def objects(self) -> list[Any]:
        """The JSON values on stdout. There should be one at most."""
        rest = self.stdout.decode().strip()
        values = []
        while rest:
            value, end = json.JSONDecoder().raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip()
        return values


class Driver(Protocol):
    def call(self, request: Request) -> Reply: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The reference's program for the type, which finds its IPAM beside itself."""

    folder: Path

    def call(self, request: Request) -> Reply:
        return _execute([str(self.folder / request.type)], request, str(self.folder))


# Ours finds all it needs within itself: a path with nothing on it proves that.
NOTHING = "/run/nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class OurExecutable:
    """``python -m multinet.delegate TYPE``."""

    def call(self, request: Request) -> Reply:
        return _execute([sys.executable, "-m", "multinet.delegate", request.type], request, NOTHING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """The same without a process for every call."""

    def call(self, request: Request) -> Reply:
        from multinet.delegate.serve import serve

        answer = serve(
            request.type, {**request.env, "CNI_PATH": NOTHING, "PATH": PROGRAM_PATH}, request.stdin
        )
        return Reply(exit_code=answer.exit_code, stdout=answer.stdout)


def _execute(argv: list[str], request: Request, cni_path: str) -> Reply:
    done = subprocess.run(
        argv,
        input=request.stdin,
        env={**request.env, "CNI_PATH": cni_path, "PATH": PROGRAM_PATH},
        capture_output=True,
        timeout=SECONDS,
    )
    return Reply(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)
