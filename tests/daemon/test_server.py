"""The agent's socket: what comes in, what waits, what is answered."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multinet.cni.jsonkeys import load
from multinet.daemon import frame, server
from multinet.daemon.frame import Kind
from multinet.daemon.lanes import Drop
from multinet.daemon.server import Served, Server
from multinet.errors import IOFailure
from tests.daemon.serving import LIMITS, Under
from tests.support.caller import Shim
from tests.support.wait import until


def test_a_call_is_answered_with_what_the_work_says(serving: Callable[..., Under]):
    under = serving()
    with under.shim().call("ADD", "c1", stdin=b'{"x": 1}', CNI_ARGS="A=b") as shim:
        assert shim.answer() == (0, b'{"x": 1}')
    served = under.work.begun.get(timeout=5)
    assert served.call.name == "multinet"
    assert served.call.env == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "A=b",
    }
    assert served.pid == os.getpid()


def test_the_callers_namespace_comes_as_an_open_file(serving: Callable[..., Under]):
    under = serving()
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as shim:
        served = under.work.begun.get(timeout=5)
        assert os.fstat(served.fds[0]).st_ino == os.stat("/proc/self/ns/net").st_ino
        assert os.get_inheritable(served.fds[0]) is False
        under.work.go_on.set()
        shim.answer()
    until(lambda: under.server.running == 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(served.fds[0])


def test_the_socket_is_roots_alone(serving: Callable[..., Under]):
    under = serving()
    assert stat.S_IMODE(under.path.stat().st_mode) == 0o600


def test_a_call_may_come_in_pieces(serving: Callable[..., Under]):
    under = serving()
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    said = frame.Call(name="multinet", stdin=b"x" * 100_000, env={"CNI_COMMAND": "ADD"}).encode()
    with under.shim() as shim:
        frame.pass_fds(shim.socket, said[:3], [own])
        os.close(own)
        for begin in range(3, len(said), 9999):
            shim.socket.sendall(said[begin : begin + 9999])
        assert shim.answer() == (0, b"x" * 100_000)


def test_calls_of_one_sandbox_run_one_after_the_other(serving: Callable[..., Under]):
    under = serving()
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as first, under.shim() as second, under.shim() as third:
        under.work.begun.get(timeout=5)
        second.call("DEL", "c1")
        until(lambda: under.server.waiting == 1)
        third.call("DEL", "c2")
        assert under.work.begun.get(timeout=5).call.env["CNI_CONTAINERID"] == "c2"
        assert under.work.begun.empty()
        under.work.go_on.set()
        first.answer()
        second.answer()
        third.answer()


def test_a_plugin_that_runs_for_a_sandbox_may_call_a_delegate_of_ours(serving: Callable[..., Under]):
    under = serving()
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as outer, under.shim().call("ADD", "c1", name="bridge") as inner:
        begun = {under.work.begun.get(timeout=5).call.name for _ in range(2)}
        assert begun == {"multinet", "bridge"}
        under.work.go_on.set()
        outer.answer()
        inner.answer()


def test_a_burst_of_adds_leaves_workers_for_del(serving: Callable[..., Under]):
    under = serving(workers=4)
    under.work.go_on.clear()
    adds = [under.shim().call("ADD", f"c{number}") for number in range(6)]
    for _ in range(2):
        assert under.work.begun.get(timeout=5).call.env["CNI_COMMAND"] == "ADD"
    until(lambda: under.server.waiting == 4)
    with under.shim().call("DEL", "other") as shim:
        assert under.work.begun.get(timeout=5).call.env["CNI_COMMAND"] == "DEL"
        under.work.go_on.set()
        shim.answer()
    for one in adds:
        one.answer()
        one.hang_up()


def test_a_burst_of_anything_leaves_workers_for_the_calls_of_the_plugins_that_it_runs(
    serving: Callable[..., Under],
):
    """Without them those plugins would never end: all workers would wait for calls that wait for a worker."""
    under = serving(workers=4)
    under.work.go_on.clear()
    calls = [under.shim().call("DEL", f"c{number}") for number in range(6)]
    for _ in range(3):
        assert under.work.begun.get(timeout=5).call.name == "multinet"
    until(lambda: under.server.waiting == 3)
    with under.shim().call("DEL", "c1", name="host-local") as inner:
        assert under.work.begun.get(timeout=5).call.name == "host-local"
        under.work.go_on.set()
        inner.answer()
    for one in calls:
        one.answer()
        one.hang_up()


def test_a_full_queue_says_try_again(serving: Callable[..., Under]):
    under = serving(workers=1, queue=1)
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as running, under.shim() as waiting, under.shim() as refused:
        under.work.begun.get(timeout=5)
        waiting.call("ADD", "c2")
        until(lambda: under.server.waiting == 1)
        code, said = refused.call("ADD", "c3").answer()
        assert (code, load(said)) == (
            1,
            {
                "code": 11,
                "msg": "the multinet agent has too much to do: 1 calls are waiting already",
                "details": "the runtime will try again; look for a plugin that hangs "
                "(multinet_request_seconds, the agent's log)",
            },
        )
        assert under.dropped == [Drop.FULL]
        under.work.go_on.set()
        running.answer()
        waiting.answer()


def test_a_call_that_waits_too_long_is_told_to_come_again(
    serving: Callable[..., Under], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "TICK_SECONDS", 0.01)
    under = serving(workers=1, queue_seconds=0.05)
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as running, under.shim() as waiting:
        under.work.begun.get(timeout=5)
        code, said = waiting.call("DEL", "c1").answer()
        assert (code, load(said)["code"]) == (1, 11)  # type: ignore[index]
        assert under.dropped == [Drop.LATE]
        under.work.go_on.set()
        running.answer()


def test_a_caller_that_hangs_up_before_its_turn_is_forgotten(serving: Callable[..., Under]):
    under = serving(workers=1)
    under.work.go_on.clear()
    with under.shim().call("ADD", "c1") as running:
        under.work.begun.get(timeout=5)
        gone = under.shim().call("ADD", "c2")
        until(lambda: under.server.waiting == 1)
        gone.hang_up()
        until(lambda: under.server.waiting == 0)
        assert under.dropped == [Drop.GONE]
        under.work.go_on.set()
        running.answer()
    assert under.work.ended == ["ADD"]


class WithNewsOfTheDead:
    """An epoll that tells, with each new caller, of one that hung up and had the number that this one will get."""

    def __init__(self, real: select.epoll, listener: int) -> None:
        self._real = real
        self._listener = listener
        self.told = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        events = self._real.poll(seconds)
        if self._listener not in dict(events):
            return events
        self.told += 1
        free = os.dup(self._listener)
        os.close(free)
        return [*events, (free, select.EPOLLRDHUP)]


def test_who_gets_the_number_of_a_caller_that_has_gone_is_not_taken_for_it(serving: Callable[..., Under]):
    under = serving()
    inside: Any = under.server
    epoll = inside._epoll = WithNewsOfTheDead(inside._epoll, inside._listener.fileno())
    with under.shim().call("ADD", "other") as shim:
        shim.answer()
    under.work.go_on.clear()
    with (
        under.shim().call("ADD", "c1", stdin=b"1") as first,
        under.shim().call("CHECK", "c1", stdin=b"2") as second,
    ):
        until(lambda: under.server.waiting == 1, what="the second to wait for the first")
        under.work.go_on.set()
        assert (first.answer(), second.answer()) == ((0, b"1"), (0, b"2"))
    assert epoll.told > 1
    assert under.dropped == []


def test_a_caller_that_hangs_up_later_does_not_stop_the_work(serving: Callable[..., Under]):
    under = serving()
    under.work.go_on.clear()
    shim = under.shim().call("ADD", "c1")
    under.work.begun.get(timeout=5)
    shim.hang_up()
    under.work.go_on.set()
    until(lambda: under.work.ended == ["ADD"])
    with under.shim().call("DEL", "c1") as after:
        assert after.answer()[0] == 0


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frame.HEADER.pack(b"mn", 2, Kind.CALL, 0),
        frame.HEADER.pack(b"mn", 1, Kind.ANSWER, 0),
        frame.HEADER.pack(b"mn", 1, Kind.CALL, frame.MOST_CALL_BYTES + 1),
        frame.pack(Kind.CALL, 0, texts=[b"multinet"]),
        frame.HEADER.pack(b"mn", 1, Kind.CALL, 8) + b"\0\0\0\0\xff\xff\xff\xff",
    ],
    ids=["another protocol", "another version", "another kind", "too long", "too few texts", "bad length"],
)
def test_who_does_not_speak_the_protocol_is_hung_up_on(serving: Callable[..., Under], said: bytes):
    under = serving()
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    with under.shim() as shim:
        frame.pass_fds(shim.socket, said, [own])
        os.close(own)
        with pytest.raises(ConnectionResetError):
            shim.hear()
    with under.shim().call("ADD", "c1") as good:
        assert good.answer()[0] == 0


def test_a_call_without_a_namespace_is_hung_up_on(serving: Callable[..., Under]):
    under = serving()
    with under.shim() as shim:
        shim.socket.sendall(frame.Call(name="multinet", stdin=b"", env={}).encode())
        with pytest.raises(ConnectionResetError):
            shim.hear()


def test_a_call_that_does_not_come_in_is_given_up(
    serving: Callable[..., Under], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(server, "CALL_SECONDS", 0.05)
    under = serving()
    with under.shim() as shim:
        shim.socket.sendall(b"mn")
        with pytest.raises(ConnectionResetError):
            shim.hear()


def test_a_caller_of_another_user_is_refused(serving: Callable[..., Under], monkeypatch: pytest.MonkeyPatch):
    under = serving()
    under.path.chmod(0o666)
    under.path.parent.chmod(0o711)
    monkeypatch.chdir(under.path.parent)  # another user may not come here by the whole path
    os.seteuid(65534)
    try:
        shim = Shim(Path(under.path.name))
    finally:
        os.seteuid(0)
    with shim, pytest.raises((ConnectionResetError, BrokenPipeError)):
        shim.call("ADD", "c1").answer()
    assert under.work.ended == []


def test_an_agent_takes_over_the_socket_of_the_one_before(tmp_path: Path):
    path = tmp_path / "agent.sock"
    old = Server(path, LIMITS, lambda _: (0, b"old"))
    new = Server(path, LIMITS, lambda _: (0, b"new"))
    old.start()
    new.start()
    with Shim(path).call("ADD", "c1") as shim:
        assert shim.answer() == (0, b"new")
    assert old.stop(5)
    assert path.exists()
    with Shim(path).call("ADD", "c1") as shim:
        assert shim.answer() == (0, b"new")
    assert new.stop(5)
    assert not path.exists()


def test_a_socket_that_can_not_be_made_says_where(tmp_path: Path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "agent.sock"
    with pytest.raises(IOFailure) as failure:
        Server(path, LIMITS, lambda _: (0, b"")).start()
    assert str(failure.value) == (
        f"could not listen on {path}: File exists (the setting 'agent.socket' names it)"
    )


def test_a_worker_outlives_a_defect(tmp_path: Path):
    def fail(served: Served) -> tuple[int, bytes]:
        if served.call.env["CNI_CONTAINERID"] == "bad":
            raise RuntimeError("a defect")
        return 0, b"fine"

    one = Server(tmp_path / "agent.sock", replace(LIMITS, workers=1), fail)
    one.start()
    with Shim(tmp_path / "agent.sock").call("ADD", "bad") as shim, pytest.raises(ConnectionResetError):
        shim.answer()
    with Shim(tmp_path / "agent.sock").call("ADD", "good") as shim:
        assert shim.answer() == (0, b"fine")
    assert one.stop(5)


def test_the_reader_outlives_a_defect(serving: Callable[..., Under], monkeypatch: pytest.MonkeyPatch):
    """Without it nobody would be heard any more, and every pod of the node would wait."""
    under = serving()

    def defect(connection: server.Connection) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as broken, under.shim() as first:
        broken.setattr(server, "take_in", defect)
        first.socket.sendall(b"m")
        with pytest.raises(ConnectionResetError):
            first.hear()
    with under.shim().call("ADD", "c1") as shim:
        assert shim.answer()[0] == 0
