"""Who is measured: ours in this process, the reference's programs, and a C program with the kernel's part only.

Each has a bridge, a subnet and a state folder of its own, so that none meets another's links or files.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from multinet.delegate.serve import serve
from multinet.kernel import links
from multinet.kernel.namespace import Namespace

IFNAME = "eth0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Nanoseconds. ``cpu`` is user and system time, of the kernel's work on the contender's behalf too."""

    cpu: int
    wall: int


class Contender(Protocol):
    name: str

    def add(self, container: str, netns: str) -> Cost: ...

    def delete(self, container: str, netns: str) -> Cost | None:
        """None where it is cleared up after the contender, which has no part in that."""


class Failed(Exception):
    """What was to be measured did not happen."""


def configuration(bridge: str, subnet: str, state: Path) -> bytes:
    """bridge with isGateway, isDefaultGateway and one IPv4 range of host-local."""
    return json.dumps(
        {
            "cniVersion": "1.1.0",
            "name": bridge,
            "type": "bridge",
            "bridge": bridge,
            "isGateway": True,
            "isDefaultGateway": True,
            "ipam": {"type": "host-local", "dataDir": str(state), "ranges": [[{"subnet": subnet}]]},
        }
    ).encode()


def environment(command: str, container: str, netns: str, path: Path) -> Mapping[str, str]:
    return {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container,
        "CNI_NETNS": netns,
        "CNI_IFNAME": IFNAME,
        "CNI_PATH": str(path),
    }


class Ours:
    """The complete request of the warm process: environment and stdin in, stdout out.

    Each of its threads keeps the host's namespace open, as a process does that serves many.
    """

    name = "ours"

    def __init__(self, bridge: str, subnet: str, state: Path) -> None:
        self._conf = configuration(bridge, subnet, state)
        self._path = state
        self._thread = threading.local()

    def add(self, container: str, netns: str) -> Cost:
        return self._serve("ADD", container, netns)

    def delete(self, container: str, netns: str) -> Cost:
        return self._serve("DEL", container, netns)

    def _serve(self, command: str, container: str, netns: str) -> Cost:
        env = environment(command, container, netns, self._path)
        if not hasattr(self._thread, "host"):
            self._thread.host = Namespace.current()
        cpu, wall = time.process_time_ns(), time.monotonic_ns()
        answer = serve("bridge", env, self._conf, host=self._thread.host)
        cost = Cost(cpu=time.process_time_ns() - cpu, wall=time.monotonic_ns() - wall)
        if answer.exit_code:
            raise Failed(f"{command} by ours: {answer.stdout.decode()}")
        return cost


class Reference:
    """The reference's bridge, executed, which executes its host-local. Its CPU is what wait4 tells of both."""

    name = "reference"

    def __init__(self, bridge: str, subnet: str, state: Path, programs: Path) -> None:
        self._programs = programs
        self._conf = os.memfd_create("configuration", 0)
        os.write(self._conf, configuration(bridge, subnet, state))
        self._output = os.memfd_create("output", 0)

    def start(self, command: str, container: str, netns: str) -> int:
        os.lseek(self._conf, 0, os.SEEK_SET)
        return self._spawn(command, container, netns, self._conf, self._output)

    def start_with_own_files(self, command: str, container: str, netns: str) -> int:
        """For several at once: they must not share a place in the file that they read."""
        conf = os.open(f"/proc/self/fd/{self._conf}", os.O_RDONLY)
        try:
            return self._spawn(command, container, netns, conf, self._output)
        finally:
            os.close(conf)

    def _spawn(self, command: str, container: str, netns: str, stdin: int, stdout: int) -> int:
        program = str(self._programs / "bridge")
        return os.posix_spawn(
            program,
            [program],
            dict(environment(command, container, netns, self._programs)),
            file_actions=[(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)],
        )

    def wait(self, pid: int) -> int:
        """Nanoseconds of CPU."""
        _, status, usage = os.wait4(pid, 0)
        if status:
            said = os.pread(self._output, 65536, 0).decode(errors="replace")
            raise Failed(f"the reference's bridge ended with status {status}: {said}")
        return round((usage.ru_utime + usage.ru_stime) * 1e9)

    def add(self, container: str, netns: str) -> Cost:
        return self._run("ADD", container, netns)

    def delete(self, container: str, netns: str) -> Cost:
        return self._run("DEL", container, netns)

    def _run(self, command: str, container: str, netns: str) -> Cost:
        os.ftruncate(self._output, 0)
        wall = time.monotonic_ns()
        cpu = self.wait(self.start(command, container, netns))
        return Cost(cpu=cpu, wall=time.monotonic_ns() - wall)


class Floor:
    """``add.c``, which tells its own times. It is started on a bridge and a folder that stand."""

    name = "C"

    def __init__(self, program: Path, bridge: str, folder: Path, gateway: str) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [program, bridge, folder, gateway], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def add(self, container: str, netns: str) -> Cost:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{netns} {container} veth{random.getrandbits(32):08x}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"the C program ended with status {self._process.wait()}")
        cpu, wall = map(int, line.split())
        return Cost(cpu=cpu, wall=wall)

    def delete(self, container: str, netns: str) -> None:
        with Namespace.open(netns) as sandbox:
            links.remove(sandbox.rtnl, IFNAME)
        for file in self._folder.iterdir():
            if file.read_bytes().startswith(f"{container}\r\n".encode()):
                file.unlink()

    def close(self) -> None:
        """It ends with its input."""
        self._process.communicate()
