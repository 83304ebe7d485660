"""Locks on files: against threads and processes, waited for in line, and not for ever."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from multinet import locks, steps
from multinet.deadline import Deadline
from multinet.errors import Busy, TryAgain
from multinet.locks import Lock
from multinet.waiting import gives_up
from tests.support.wait import until


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The steps that are announced."""
    seen: list[str] = []
    steps.listen(seen.append)
    yield seen
    steps.listen(None)


def test_a_lock_holds_against_other_threads(state: Path, heard: list[str]) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with Lock(state / "lock"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert set(heard) == {f"create {state}/lock"}


def test_a_lock_goes_from_thread_to_thread_without_a_look_at_the_clock(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "FIRST_PAUSE", 300.0)
    lock, in_line = state / "lock", threading.Semaphore(0)
    held: list[int] = []

    def take(number: int) -> None:
        waited = Lock(lock)
        in_line.release()
        with waited:
            held.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(16)]
    with Lock(lock):
        for thread in threads:
            thread.start()
        for _ in threads:
            in_line.acquire()
        until(lambda: str(lock) in locks._lines)
    for thread in threads:
        thread.join(20)
    assert sorted(held) == list(range(16))
    until(lambda: not locks._lines)


def test_a_lock_that_is_not_waited_for_is_refused_while_it_is_held(state: Path) -> None:
    lock = state / "lock"

    with Lock(lock), pytest.raises(Busy) as refused, Lock(lock, wait=False):
        pytest.fail("it was held twice")
    assert str(refused.value) == f"could not lock {lock}: it is held"
    with Lock(lock, wait=False):
        pass


def test_a_lock_that_is_held_for_ever_is_waited_for_as_long_as_there_is_time(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request's time, or else LOCK_SECONDS; and no longer than the other holds it."""
    lock = state / "lock"
    ended = Deadline(1000)
    ended.end("the agent is being stopped")

    with Lock(lock):
        for remaining in (lambda: 0.0, ended.remaining, Deadline(0.3).remaining):
            with pytest.raises(TryAgain) as refused, Lock(lock, remaining=remaining):
                pytest.fail("it was held twice")
        monkeypatch.setattr(locks, "LOCK_SECONDS", 0.3)
        with pytest.raises(TryAgain), Lock(lock, shared=True, remaining=Deadline.never().remaining):
            pytest.fail("it was held twice")
    assert str(refused.value) == (
        f"could not lock {lock} within 0 seconds: somebody holds it (the runtime will try again; `fuser -v {lock}` "
        "tells which process it is, and the agent's log what that works on)"
    )


def test_who_waits_for_a_lock_gives_up_its_turn_and_has_the_lock_soon_after_it_is_free(state: Path) -> None:
    lock = state / "lock"
    steps_aside = threading.Event()
    given: list[float] = []

    @contextmanager
    def aside() -> Iterator[None]:
        steps_aside.set()
        yield

    def wait() -> None:
        gives_up(aside)
        with Lock(lock):
            given.append(time.monotonic())

    thread = threading.Thread(target=wait)
    with Lock(lock):
        thread.start()
        assert steps_aside.wait(10)
        assert not given
    freed = time.monotonic()
    thread.join()
    assert given[0] - freed < 1


def test_a_lock_holds_against_other_processes_and_ends_with_its_block(state: Path) -> None:
    lock = state / "lock"
    command = ["flock", "--nonblock", "--exclusive", lock, "true"]
    with Lock(lock, mode=0o700):
        assert lock.stat().st_mode & 0o777 == 0o700
        assert subprocess.run(command).returncode == 1
    assert subprocess.run(command).returncode == 0
    with pytest.raises(RuntimeError), Lock(lock):
        raise RuntimeError
    assert subprocess.run(command).returncode == 0
