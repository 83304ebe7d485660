"""A server under test, and what its workers do."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Queue

from multinet.daemon.lanes import Drop
from multinet.daemon.server import Limits, Served, Server
from tests.support.caller import Shim

LIMITS = Limits(workers=4, queue=10, queue_seconds=60.0, request_seconds=60.0)


class Work:
    """What the workers do: say what they were asked, once the test lets them."""

    def __init__(self) -> None:
        self.begun: Queue[Served] = Queue()
        self.go_on = threading.Event()
        self.go_on.set()
        self.ended: list[str] = []

    def __call__(self, served: Served) -> tuple[int, bytes]:
        self.begun.put(served)
        assert self.go_on.wait(20)
        self.ended.append(served.call.env["CNI_COMMAND"])
        return 0, served.call.stdin


class Under:
    """A server under test."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.work = Work()
        self.dropped: list[Drop] = []
        self.server = Server(path, limits, self.work, dropped=self.dropped.append)

    def shim(self) -> Shim:
        return Shim(self.path)
