"""A few make things at once; who runs a program makes room."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Semaphore

import pytest

from multinet.daemon.turn import SteppingAside, Turn
from multinet.deadline import Deadline
from multinet.errors import PluginFailed, TryAgain
from multinet.waiting import waiting


class Runs:
    """A runner that looks whether somebody else could have the turn while it runs."""

    def __init__(self, turns: Semaphore, failure: Exception | None = None) -> None:
        self._turns = turns
        self._failure = failure
        self.free: list[bool] = []

    def find(self, type_: str, path: Sequence[str]) -> Path:
        return Path("/opt/cni/bin", type_)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        self.free.append(free(self._turns))
        if self._failure:
            raise self._failure
        return subprocess.CompletedProcess([str(file)], 0, b"{}", b"")


def free(turns: Semaphore) -> bool:
    if turns.acquire(blocking=False):
        turns.release()
        return True
    return False


def run(runner: SteppingAside) -> bytes:
    return runner.run("flannel", runner.find("flannel", ()), {}, b"").stdout


def test_a_program_runs_outside_the_turn_and_the_turn_is_had_again_afterwards():
    turns = Semaphore(1)
    turn, runs = Turn(turns, Deadline(60)), Runs(turns)
    with turn:
        assert not free(turns)
        assert run(SteppingAside(runs, turn)) == b"{}"
        assert not free(turns)
    assert runs.free == [True]
    assert free(turns)


def test_a_program_that_fails_gives_the_turn_back_all_the_same():
    turns = Semaphore(1)
    turn = Turn(turns, Deadline(60))
    runs = Runs(turns, PluginFailed("no", plugin_code=7))
    with pytest.raises(PluginFailed), turn:
        run(SteppingAside(runs, turn))
    assert runs.free == [True]
    assert free(turns)


def test_who_waits_deep_down_makes_room_too():
    turns = Semaphore(1)
    with Turn(turns, Deadline(60)):
        with waiting():
            assert free(turns)
        assert not free(turns)
    with waiting():
        assert free(turns)


def test_who_has_no_turn_has_none_to_give():
    turns = Semaphore(0)
    runs = Runs(turns)
    assert run(SteppingAside(runs, Turn(turns, Deadline(60)))) == b"{}"
    assert runs.free == [False]


def test_a_request_without_time_does_not_wait_for_its_turn():
    turns = Semaphore(0)
    with pytest.raises(TryAgain) as failure, Turn(turns, Deadline(0)):
        pass
    assert failure.value.message == (
        "gave up before its turn in the kernel: the request has taken its 0 seconds"
    )
