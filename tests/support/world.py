"""The world a test run happens in: a network and a mount namespace of its own.

The machine's links, rules and named namespaces are then out of reach of every test, several runs (or the
workers of pytest-xdist) never meet, and whatever a killed run leaves behind goes with its last process. What
remains to be checked is that tests clear up after themselves within one run, which ``Traces`` does.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000

MARK = "MULTINET_TEST_RUN"
"""An environment variable that every process of a run inherits, so that those left over can be told."""


def enter() -> None:
    """Move this process (its calling thread, and all it starts) into a world of its own. Needs root."""
    os.environ[MARK] = str(os.getpid())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "could not make namespaces for the test run: unshare")
    os.makedirs("/run/netns", exist_ok=True)
    # Where ifb is a module, the first one of ours would load it with two links in the machine's own namespace, which
    # stay there. Where it is none there is nothing to load, and no kmod is missed.
    with suppress(FileNotFoundError):
        subprocess.run(["modprobe", "--quiet", "ifb", "numifbs=0"], check=False, stderr=subprocess.DEVNULL)
    for command in (
        "mount --make-rprivate /",
        "mount -t tmpfs -o mode=0755 netns /run/netns",
        "ip link set lo up",
    ):
        subprocess.run(command.split(), check=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """What there is now that a test could have left: compare two of them."""

    namespaces: frozenset[str]
    links: frozenset[str]
    mounts: frozenset[str]
    processes: frozenset[str]

    @classmethod
    def now(cls) -> Traces:
        return cls(
            namespaces=frozenset(os.listdir("/run/netns")),
            links=frozenset(line.split(":")[0].strip() for line in _lines("/proc/self/net/dev")[2:]),
            mounts=frozenset(point for point in _mounts() if not point.startswith("/run/netns")),
            processes=frozenset(_descendants()),
        )

    def since(self, before: Traces) -> list[str]:
        """A sentence for everything that is here and was not ``before``."""
        kinds = ("namespaces", "links", "mounts", "processes")
        return [
            f"{kind} left over: {', '.join(sorted(new))}"
            for kind in kinds
            if (new := getattr(self, kind) - getattr(before, kind))
        ]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _mounts() -> list[str]:
    return [line.split()[4] for line in _lines("/proc/self/mountinfo")]


def _descendants() -> list[str]:
    """The processes of this run, daemons included, but not this one: ``1234 sleep 60``."""
    mark = f"{MARK}={os.getpid()}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.append(f"{entry.name} {words}")
        except OSError:
            continue  # it has ended meanwhile
    return found
