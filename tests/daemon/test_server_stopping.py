"""How the agent's socket ends: what runs is let end, what waits is hung up on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.daemon.lanes import Drop
from multinet.daemon.server import Served, Server
from multinet.errors import TryAgain
from tests.daemon.serving import LIMITS, Under
from tests.support.caller import Shim
from tests.support.wait import until


def test_stopping_lets_what_runs_end_and_hangs_up_on_what_waits(serving: Callable[..., Under]):
    under = serving(workers=1)
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as running, under.shim() as waiting:
        under.work.begun.get(timeout=5)
        waiting.call("ADD", "c2")
        until(lambda: under.server.waiting == 1)
        stopped: list[bool] = []
        stopping = threading.Thread(target=lambda: stopped.append(under.server.stop(10)))
        stopping.start()
        with pytest.raises(ConnectionResetError):
            waiting.answer()
        until(lambda: not under.path.exists())
        under.work.go_on.set()
        assert running.answer()[0] == 0
        stopping.join(5)
    assert stopped == [True]
    assert under.dropped == [Drop.STOPPING]


def test_what_waits_for_something_is_cut_short_towards_the_end_of_the_grace_period(tmp_path: Path):
    said: list[str] = []

    def wait(served: Served) -> tuple[int, bytes]:
        until(lambda: served.deadline.remaining() == 0)
        try:
            served.deadline.check("adding default/net-a")
        except TryAgain as error:
            said.append(error.message)
        return 1, b""

    one = Server(tmp_path / "agent.sock", LIMITS, wait)
    one.start()
    with Shim(tmp_path / "agent.sock").call("ADD", "c1") as shim:
        until(lambda: one.running == 1)
        assert one.stop(0.5)
        assert shim.answer()[0] == 1
    assert said == ["gave up before adding default/net-a: the agent is being stopped"]


def test_what_does_not_end_is_left_and_said_so(tmp_path: Path):
    go_on = threading.Event()
    one = Server(tmp_path / "agent.sock", LIMITS, lambda _: (int(not go_on.wait(10)), b""))
    one.start()
    with Shim(tmp_path / "agent.sock").call("ADD", "c1"):
        until(lambda: one.running == 1)
        assert not one.stop(0.05)
        go_on.set()
        until(lambda: one.running == 0)
