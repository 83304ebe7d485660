"""Machines by the dozen: a process that has everything imported, and forks one machine after the other.

    with Machines() as machines:
        with machines.new(("c1",)) as machine:
            machine.call(driver, request)
            machine.look()

``python -m tests.equality.machines FD`` is that process; it gets one socket for each machine that is wanted.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, Self

from tests.equality.machine import Machine

ROOT = Path(__file__).parent.parent.parent
SECONDS = 90.0
"""No single request to a machine takes this long, unless something hangs."""


class Remote:
    """A machine, seen from the test: every method of ``Machine`` by its name."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self._connection = connection
        self._pid = pid

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any) -> Any:
            self._connection.send((method, args))
            if not self._connection.poll(SECONDS):
                raise AssertionError(f"{method} took longer than {SECONDS:g} s")
            good, value = self._connection.recv()
            if not good:
                raise AssertionError(f"{method} failed on the machine:\n{value}")
            return value

        return call

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)  # it may be stuck in a plugin; all it holds goes with it
        self._connection.close()


class Machines:
    """The forking process. Leave the block, and it and all its machines are gone."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._order = Lock()

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        self._socket = self._stack.enter_context(ours)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.equality.machines", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()  # the socket's end is its sign to end
        self._process.wait(SECONDS)

    @contextmanager
    def new(self, containers: tuple[str, ...], *, quick_dad: bool = True) -> Iterator[Remote]:
        here, there = socket.socketpair()
        with there, self._order:
            socket.send_fds(self._socket, [b"1"], [there.fileno()])
            pid = int.from_bytes(self._socket.recv(4), "big")
        machine = Remote(Connection(here.detach()), pid)
        try:
            machine.start(containers, quick_dad)
            yield machine
        finally:
            machine.close()


def main(fd: int) -> None:
    warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a machine
    with socket.socket(fileno=fd) as orders:
        while True:
            _, fds, _, _ = socket.recv_fds(orders, 1, 1)
            if not fds:
                return
            pid = os.fork()
            if not pid:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                orders.close()
                with Connection(fds[0]) as connection:
                    serve(connection)
                os._exit(0)
            os.close(fds[0])
            orders.sendall(pid.to_bytes(4, "big"))


def warm() -> None:
    """Import what every machine would otherwise import for itself."""
    try:
        from multinet.delegate.registry import installed
        from multinet.delegate.serve import serve as ours
    except ImportError:
        return
    for type_ in installed():
        ours(type_, {"CNI_COMMAND": "VERSION"}, b"")


def serve(connection: Connection) -> None:
    machine: Machine | None = None
    while True:
        try:
            method, args = connection.recv()
        except EOFError:
            return
        try:
            if machine is None:
                containers, quick_dad = args
                machine = Machine(containers, quick_dad=quick_dad)
                connection.send((True, None))
            else:
                connection.send((True, getattr(machine, method)(*args)))
        except Exception:
            connection.send((False, traceback.format_exc()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
