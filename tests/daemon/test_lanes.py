"""Who is served when."""

from __future__ import annotations

import threading
import time

import pytest

from multinet.daemon.lanes import Drop, Job, Lanes
from tests.support.wait import until


def job(name: str, lane: str | None = None, *, heavy: bool = False, nested: bool = False) -> Job[str]:
    return Job(payload=name, lane=lane, heavy=heavy, nested=nested)


def lanes(most: int = 10, most_heavy: int = 10, most_outer: int = 10) -> Lanes[str]:
    return Lanes(most=most, most_heavy=most_heavy, most_outer=most_outer)


def take(queue: Lanes[str]) -> Job[str]:
    """The next one; the test hangs no longer than its queue would."""
    taken: list[Job[str] | None] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()), daemon=True)
    thread.start()
    thread.join(5)
    assert taken, "nothing may run"
    assert taken[0] is not None
    return taken[0]


def submit(queue: Lanes[str], *jobs: Job[str]) -> None:
    for one in jobs:
        assert queue.submit(one) is None


def test_calls_are_served_in_the_order_of_their_arrival():
    queue = lanes()
    submit(queue, job("one", "a"), job("two", "b"), job("three"))
    assert [take(queue).payload for _ in range(3)] == ["one", "two", "three"]


def test_a_second_call_of_a_sandbox_waits_for_the_first_and_is_passed_by_others():
    queue = lanes()
    first = job("a1", "a")
    submit(queue, first, job("a2", "a"), job("a3", "a"), job("b1", "b"))
    assert take(queue) is first
    assert take(queue).payload == "b1"
    queue.done(first)
    second = take(queue)
    assert second.payload == "a2"
    queue.done(second)
    assert take(queue).payload == "a3"


def test_calls_without_a_lane_stand_in_nobodys_way():
    queue = lanes()
    submit(queue, job("one"), job("two"))
    assert {take(queue).payload, take(queue).payload} == {"one", "two"}


def test_only_so_many_heavy_ones_run_at_once_and_light_ones_pass_them():
    queue = lanes(most_heavy=1)
    first = job("add a", "a", heavy=True)
    submit(queue, first, job("add b", "b", heavy=True), job("del c", "c"))
    assert take(queue) is first
    assert take(queue).payload == "del c"
    queue.done(first)
    assert take(queue).payload == "add b"


def test_the_calls_of_running_plugins_pass_those_of_the_runtime_when_too_many_run():
    queue = lanes(most_outer=1)
    first = job("del a", "a")
    submit(queue, first, job("del b", "b"), job("bridge of a", "bridge a", nested=True))
    assert take(queue) is first
    inner = take(queue)
    assert inner.payload == "bridge of a"
    queue.done(inner)
    queue.done(first)
    assert take(queue).payload == "del b"


def test_a_light_call_never_passes_a_heavy_one_of_its_own_sandbox():
    queue = lanes(most_heavy=1)
    first = job("add a", "a", heavy=True)
    submit(queue, first, job("add b", "b", heavy=True), job("del b", "b"), job("del c", "c"))
    take(queue)
    assert take(queue).payload == "del c"
    queue.done(first)
    assert take(queue).payload == "add b"


def test_a_full_queue_refuses():
    queue = lanes(most=1)
    submit(queue, job("one"))
    assert queue.submit(job("two")) is Drop.FULL
    take(queue)
    submit(queue, job("three"))


def test_what_is_dropped_is_not_served():
    queue = lanes()
    gone = job("gone")
    submit(queue, gone, job("next"))
    assert queue.drop(gone)
    assert not queue.drop(gone)
    assert take(queue).payload == "next"


def test_what_has_waited_too_long_is_taken_out():
    queue = lanes()
    old = Job(payload="old", lane=None, heavy=False, arrived=time.monotonic() - 61)
    submit(queue, old, job("new"))
    assert queue.expired(60) == [old]
    assert queue.waiting == 1
    assert take(queue).payload == "new"


def test_closing_lets_nothing_begin_and_what_runs_run_on():
    queue = lanes()
    running, waiting = job("running", "a"), job("waiting", "a")
    submit(queue, running, waiting)
    assert take(queue) is running
    assert queue.close() == [waiting]
    assert queue.take() is None
    assert queue.submit(job("late")) is Drop.STOPPING
    assert not queue.wait_idle(0.01)
    queue.done(running)
    assert queue.wait_idle(5)


def test_a_worker_that_waits_is_woken_by_closing():
    queue = lanes()
    ended = threading.Event()

    def work() -> None:
        assert queue.take() is None
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    queue.close()
    assert ended.wait(5)


def test_who_worked_last_works_next():
    queue = lanes()
    served: list[str] = []

    def work() -> None:
        while (one := queue.take()) is not None:
            served.append(threading.current_thread().name)
            queue.done(one)

    threads = [threading.Thread(target=work, name=f"worker-{number}") for number in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        submit(queue, job(str(number)))
        until(lambda wanted=number + 1: len(served) == wanted and queue.asleep == 4)
    queue.close()
    for thread in threads:
        thread.join(5)
    assert len(set(served)) == 1


def test_the_longest_running_is_known():
    queue = lanes()
    assert queue.longest() == 0
    one = job("one")
    submit(queue, one)
    take(queue)
    until(lambda: queue.longest() > 0)
    queue.done(one)
    assert (queue.longest(), queue.running) == (0, 0)


@pytest.mark.parametrize("workers", [1, 4])
def test_many_sandboxes_and_workers_never_overlap_within_a_sandbox(workers: int):
    queue: Lanes[int] = Lanes(most=1000, most_heavy=2, most_outer=3)
    seen: dict[str, list[int]] = {f"c{number}": [] for number in range(7)}
    inside: dict[str, int] = dict.fromkeys(seen, 0)
    overlaps: list[str] = []

    def work() -> None:
        while (one := queue.take()) is not None:
            lane = str(one.lane)
            inside[lane] += 1
            if inside[lane] != 1:
                overlaps.append(lane)
            seen[lane].append(one.payload)
            inside[lane] -= 1
            queue.done(one)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for number in range(500):
        assert queue.submit(Job(payload=number, lane=f"c{number % 7}", heavy=number % 3 == 0)) is None
    until(lambda: queue.waiting == 0)
    assert queue.wait_idle(5)
    queue.close()
    for thread in threads:
        thread.join(5)
    assert overlaps == []
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(map(len, seen.values())) == 500
