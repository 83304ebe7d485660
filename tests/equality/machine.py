"""A machine to run plugins on: a host namespace, containers' namespaces, and a /run and /var/lib of its own.

A machine is one process in namespaces of its own, so two of them can hold the same case side by side under
the same names and paths, and everything that a plugin leaves goes when the process ends. Its main thread is
in the host namespace; every container has a thread that lives in the container's.
"""

from __future__ import annotations

import ctypes
import socket
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tests.equality.runner import Driver, Reply, Request
from tests.equality.snapshot import of_files, of_namespace, unsettled
from tests.support.wait import until

T = TypeVar("T")

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

HOST = "host"
ROOMS = Path("/run/rooms")
"""Where the sysfs of each namespace is mounted: a sysfs shows the namespace it was mounted in."""

# The kernel waits up to a second before it tests an IPv6 address for a duplicate, and another for an
# answer. Where a case is not about that, it is told not to, so that a link-local address is there at once.
# What a plugin itself writes about DAD (accept_dad, enhanced_dad) is not touched by these two and still
# compared.
QUICK_DAD = {
    "net/ipv6/conf/default/dad_transmits": "0",
    "net/ipv6/conf/default/router_solicitation_delay": "0",
}
# The machine the tests run on may be forwarding already; then nobody would see who switches it on.
NOT_FORWARDING = {"net/ipv4/ip_forward": "0", "net/ipv6/conf/all/forwarding": "0"}

_libc = ctypes.CDLL(None, use_errno=True)


def _try(result: int, doing: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"could not {doing}")


def mount(source: str, target: str | Path, kind: str | None = None, flags: int = 0) -> None:
    names = [text and str(text).encode() for text in (source, target, kind)]
    _try(_libc.mount(*names, ctypes.c_ulong(flags), None), f"mount {target}")


class Room:
    """One network namespace. ``do`` runs a function in it."""

    def __init__(self, name: str, *, quick_dad: bool) -> None:
        self.name = name
        self.sys = ROOMS / name
        self.sysctls = NOT_FORWARDING | (QUICK_DAD if quick_dad else {})

    def settle_in(self) -> None:
        """Called once, in the new namespace: name it as `ip netns` does, and set it up."""
        named = Path("/run/netns") / self.name
        named.touch()
        mount("/proc/thread-self/ns/net", named, flags=MS_BIND)
        self.sys.mkdir()
        mount("sysfs", self.sys, "sysfs")
        for name, value in self.sysctls.items():
            Path("/proc/sys", name).write_text(value)

    def do(self, act: Callable[[], T]) -> T:
        raise NotImplementedError


class HostRoom(Room):
    def do(self, act: Callable[[], T]) -> T:
        return act()


class ContainerRoom(Room):
    def __init__(self, name: str, *, quick_dad: bool) -> None:
        super().__init__(name, quick_dad=quick_dad)
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._thread.submit(self._enter).result()

    def _enter(self) -> None:
        _try(_libc.unshare(CLONE_NEWNET), "make a namespace for a container")
        self.settle_in()

    def do(self, act: Callable[[], T]) -> T:
        return self._thread.submit(act).result()


class Machine:
    """Made once in a process of its own, while that has one thread."""

    def __init__(self, containers: tuple[str, ...], *, quick_dad: bool) -> None:
        _try(_libc.unshare(CLONE_NEWNS | CLONE_NEWNET), "make a machine's namespaces")
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        for folder in ("/run", "/var/lib"):
            mount("tmpfs", folder, "tmpfs")
        socket.socket(socket.AF_INET6).close()  # where IPv6 is a module, that loads it
        Path("/run/netns").mkdir()
        ROOMS.mkdir()
        host = HostRoom(HOST, quick_dad=quick_dad)
        host.settle_in()
        mount("sysfs", "/sys", "sysfs")
        self.rooms: dict[str, Room] = {HOST: host}
        self.shell(HOST, "ip link set lo up")
        for name in containers:
            self.rooms[name] = ContainerRoom(name, quick_dad=quick_dad)

    def shell(self, room: str, script: str) -> None:
        """Set something up in a namespace, with the commands an operator would use."""
        done = self.rooms[room].do(
            lambda: subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=30)
        )
        if done.returncode:
            raise AssertionError(f"setting up in {room} failed: {script}\n{done.stdout}{done.stderr}")

    def write(self, path: str, text: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)

    def call(self, driver: Driver, request: Request) -> Reply:
        """Call a plugin where a runtime would: in the host namespace."""
        return driver.call(request)

    def look(self) -> Mapping[str, Any]:
        """The whole state, once nothing is on its way any more."""
        until(self._is_quiet, seconds=10, what="links and addresses to settle")
        found: dict[str, Any] = {
            name: room.do(partial(of_namespace, room.sys)) for name, room in self.rooms.items()
        }
        found["files"] = of_files(Path("/run"), Path("/var/lib"), without=(ROOMS, Path("/run/netns")))
        return found

    def _is_quiet(self) -> bool:
        return not any(room.do(unsettled) for room in self.rooms.values())
