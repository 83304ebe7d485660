"""A machine that is none: namespaces of its own over this machine's programs, and folders of its own under its data.

What a node changes has the usual place (`/etc/cni/net.d`, `/var/lib/kubelet`, ...), and is another folder. With
its first process all others end, and its mounts, links and namespaces go; only control groups are outlived.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from e2e.cluster.driver import run
from tests.support.debian import search_path
from tests.support.wait import until

CGROUPS: Final = Path("/sys/fs/cgroup")

PLACES: Final = (
    "/etc/cni",
    "/etc/kubernetes",
    "/opt/cni",
    "/opt/containerd",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/kubernetes",
    "/var/log/containers",
    "/var/log/pods",
)
"""Kept over a reboot, each a folder on the disk of this machine."""

DISK: Final = "/run/disk"
"""Where all of that is, seen from inside."""

START_SECONDS = 20.0

# The places need not be there on this machine, and are not made on it: what is above them is looked at through a
# layer in memory. /sys is mounted anew since it shows the links of the namespace in which it was mounted.
START = f"""\
set -e
hostname "$1"
mount --make-rprivate /
mount -t tmpfs -o mode=0755 run /run
mkdir {DISK} /run/cgroup /run/layers /run/lock
mount --bind "$2" {DISK}
mount --move /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
for top in /etc /opt /var; do
  mkdir -p /run/layers$top/{{upper,work}}
  mount -t overlay -o "lowerdir=$top,upperdir=/run/layers$top/upper,workdir=/run/layers$top/work" overlay $top
done
for place in {" ".join(PLACES)}; do
  mkdir -p $place {DISK}$place
  mount --bind {DISK}$place $place
done
mount --make-rshared /
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
touch {DISK}/started
trap : CHLD
while :; do sleep infinity & wait $!; done
"""
"""The arguments are its name and the folder of its disk. At the end it buries whom nobody else does."""


@dataclass(kw_only=True)
class Machine:
    """``cgroup``: the name of the control group, in every hierarchy, that its pods are put into."""

    name: str
    folder: Path
    cgroup: str
    logs: Path
    _first: subprocess.Popen[bytes] | None = None
    _programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def pid(self) -> int:
        """Of its first process, as this machine counts."""
        assert self._first is not None, f"{self.name} is off"
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text()
        return int(children or 0)

    def place(self, path: str) -> Path:
        """Seen from outside, a file in one of ``PLACES``."""
        return self.disk / path.lstrip("/")

    # --- on and off ---

    def start(self) -> None:
        for place in PLACES:
            self.place(place).mkdir(parents=True, exist_ok=True)
        started = self.disk / "started"
        started.unlink(missing_ok=True)
        until(lambda: removed(self.cgroup), seconds=START_SECONDS, what="what ran before to have ended")
        for hierarchy in hierarchies():
            (hierarchy / self.cgroup).mkdir(exist_ok=True)
        self._first = self._begin(
            "machine",
            *("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--propagation", "private"),
            *("--fork", "--kill-child", "--mount-proc"),
            *("bash", "-c", START, "bash", self.name, str(self.disk)),
        )
        until(self._started, seconds=START_SECONDS, what=f"{self.name} to start; it logs to {self.logs}")

    def _started(self) -> bool:
        assert self._first is not None
        if self._first.poll() is not None:
            raise RuntimeError(f"{self.name} has ended: {(self.logs / 'machine.log').read_text()[-2000:]}")
        return (self.disk / "started").exists()

    def stop(self) -> None:
        """As if the power were cut."""
        if self._first is None:
            return
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.pid or self._first.pid, signal.SIGKILL)
        self._first.wait(START_SECONDS)
        self._first = None
        for program in self._programs.values():
            program.wait(START_SECONDS)
        self._programs.clear()

    # --- programs in it ---

    def inside(self, *argv: str) -> list[str]:
        """``argv`` on it, as a command for this machine."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--", *argv]

    def shell(
        self, *argv: str, input: str | None = None, check: bool = True, seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        return run(self.inside(*argv), input=input, check=check, seconds=seconds, cwd=Path("/"))

    def begin(self, name: str, *argv: str, env: Mapping[str, str] | None = None) -> None:
        """Start a program that stays; ``name`` is its log's."""
        self._programs[name] = self._begin(name, *self.inside(*argv), env=env)

    def end(self, name: str) -> None:
        """With SIGKILL; what it has started goes on."""
        program = self._programs.pop(name)
        for child in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        program.wait(START_SECONDS)

    def running(self, name: str) -> bool:
        return self._programs[name].poll() is None

    def _begin(self, name: str, *argv: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        assert threading.current_thread() is threading.main_thread(), "it would end with its starter"
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "PATH": search_path("containerd", "runc"), **(env or {})},
            )


def hierarchies() -> Sequence[Path]:
    """Of control groups: one since version 2, before that one a controller."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [
        folder
        for folder in CGROUPS.iterdir()
        if (folder / "cgroup.procs").exists() and not folder.is_symlink()
    ]


def removed(cgroup: str) -> bool:
    """In every hierarchy, with what is below. False while a process is in one of them."""
    done = True
    for hierarchy in hierarchies():
        for folder in sorted((hierarchy / cgroup).glob("**/"), reverse=True):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                done = False
    return done
