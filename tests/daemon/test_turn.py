"""One works at a time; who waits makes room."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from multinet.daemon.turn import SteppingAside, Turn, Turns
from multinet.deadline import Deadline
from multinet.delegate.undo import Undo
from multinet.errors import PluginFailed, TryAgain
from multinet.waiting import waiting
from tests.support.wait import until

AT_ONCE = 0.0
LONG = 60.0


class Runs:
    """A runner that looks whether somebody else could have the turn while it is asked."""

    def __init__(self, turns: Turns, failure: Exception | None = None) -> None:
        self._turns = turns
        self._failure = failure
        self.free: list[bool] = []

    def find(self, type_: str, path: Sequence[str]) -> Path:
        self.free.append(free(self._turns))
        return Path("/opt/cni/bin", type_)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        self.free.append(free(self._turns))
        if self._failure:
            raise self._failure
        return subprocess.CompletedProcess([str(file)], 0, b"{}", b"")


def free(turns: Turns) -> bool:
    if turns.take(AT_ONCE):
        turns.give()
        return True
    return False


def run(runner: SteppingAside) -> bytes:
    return runner.run("flannel", runner.find("flannel", ()), {}, b"").stdout


def test_a_program_is_looked_for_and_runs_outside_the_turn_which_is_had_again_afterwards() -> None:
    turns = Turns(1)
    turn, runs = Turn(turns, Deadline(60)), Runs(turns)
    with turn:
        assert not free(turns)
        assert run(SteppingAside(runs, turn)) == b"{}"
        assert not free(turns)
    assert runs.free == [True, True]
    assert free(turns)


def test_a_program_that_fails_gives_the_turn_back_all_the_same() -> None:
    turns = Turns(1)
    turn = Turn(turns, Deadline(60))
    runs = Runs(turns, PluginFailed("no", plugin_code=7))
    with pytest.raises(PluginFailed), turn:
        run(SteppingAside(runs, turn))
    assert runs.free == [True, True]
    assert free(turns)


def test_who_waits_deep_down_makes_room_too() -> None:
    turns = Turns(1)
    with Turn(turns, Deadline(60)):
        with waiting():
            assert free(turns)
        assert not free(turns)
    with waiting():
        assert free(turns)


def test_who_undoes_makes_room_for_others() -> None:
    turns = Turns(1)
    seen: list[bool] = []
    with suppress(TryAgain), Turn(turns, Deadline(60)), Undo() as undo:
        undo.push("look", lambda: seen.append(free(turns)))
        raise TryAgain("no")
    assert (seen, free(turns)) == ([True], True)


def test_who_has_no_turn_has_none_to_give() -> None:
    turns = Turns(0)
    runs = Runs(turns)
    assert run(SteppingAside(runs, Turn(turns, Deadline(60)))) == b"{}"
    assert runs.free == [False, False]


def test_a_request_without_time_does_not_wait_for_its_turn() -> None:
    turns = Turns(0)
    with pytest.raises(TryAgain) as failure, Turn(turns, Deadline(0)):
        pass
    assert failure.value.message == "gave up before its turn: the request has taken its 0 seconds"


def test_who_has_waited_long_enough_goes_on_without_one_and_gives_none_back() -> None:
    turns = Turns(1)
    assert turns.take(AT_ONCE)
    with Turn(turns, Deadline(60), patience=AT_ONCE), waiting():
        assert not free(turns)
    assert not free(turns)
    turns.give()
    assert free(turns)


def test_who_does_not_get_it_back_in_time_goes_on_without_one_and_gives_none_back() -> None:
    turns = Turns(1)
    with Turn(turns, Deadline(60), patience=AT_ONCE):
        with waiting():
            assert turns.take(AT_ONCE)
        assert not free(turns)
    assert not free(turns)
    turns.give()
    assert free(turns)


def test_turns_go_to_those_who_have_begun_and_then_to_the_others_in_their_order() -> None:
    turns = Turns(1)
    had: list[str] = []

    def take(name: str, *, again: bool) -> None:
        assert turns.take(LONG, again=again)
        had.append(name)
        turns.give()

    assert turns.take(AT_ONCE)
    threads = []
    for name, again in (("new", False), ("newer", False), ("begun", True), ("begun later", True)):
        waiting = turns.waiting
        threads.append(Thread(target=take, args=(name,), kwargs={"again": again}))
        threads[-1].start()
        until(lambda before=waiting: turns.waiting == before + 1, what=f"{name} to wait")
    turns.give()
    for thread in threads:
        thread.join()
    assert had == ["begun", "begun later", "new", "newer"]
    assert (turns.waiting, free(turns)) == (0, True)


def test_no_more_work_at_once_than_there_are_turns() -> None:
    turns = Turns(2)
    at_work: list[int] = []
    most = 0

    def work() -> None:
        nonlocal most
        for _ in range(200):
            with Turn(turns, Deadline(60)):
                at_work.append(0)
                most = max(most, len(at_work))
                at_work.pop()
                with waiting():
                    pass

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 2
    assert [turns.take(AT_ONCE) for _ in range(3)] == [True, True, False]
