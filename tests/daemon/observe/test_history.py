"""The ring of what the agent did lately: what an entry says, and that neither many nor long ones fill the memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from multinet import log, timing
from multinet.daemon import history
from multinet.daemon.history import Call, Happened, History, Phase
from multinet.errors import TryAgain
from multinet.timing import Trace
from tests.daemon.observe.conftest import Logged

MOST_SECONDS = 30e-6
"""What a verb may pay for being remembered."""


@pytest.fixture
def kept(logged: Logged) -> Iterator[History]:
    made = History(3)
    timing.listen(lambda *_: None)
    log.listen(made.note)
    yield made
    log.listen(None)
    timing.listen(None)


def happened(**how: Any) -> Happened:
    empty: dict[str, Any] = {
        "at": 0.0,
        "request": "",
        "verb": "",
        "pod": "",
        "container": "",
        "ifname": "",
        "waited": 0.0,
        "seconds": 0.0,
        "code": 0,
        "error": "",
        "details": "",
        "left": (),
        "networks": (),
        "phases": (),
        "calls": (),
    }
    return Happened(**{**empty, **how})


def test_an_entry_says_what_the_line_in_the_log_says_and_when_its_parts_ran() -> None:
    trace = Trace()
    trace.began = 100.0
    trace.phases = [("plan", 100.001, 0.002), ("lock", 100.0, 0.001), ("delegates", 100.004, 0.02)]
    trace.calls = [
        ("shop/lan", "net1", "host-local", "ADD", 100.006, 0.001, True),
        ("shop/lan", "net1", "bridge", "ADD", 100.005, 0.015, True),
    ]
    made = History(3)
    before = time.time()
    made.note(
        {
            "verb": "ADD",
            "request": "3f2a91c0",
            "pod": "shop/web-0",
            "container": "c1",
            "ifname": "eth0",
            "networks": ["cluster", "shop/lan"],
            "seconds": 0.03,
            "waited": 0.5,
            "again": True,
            "code": 11,
            "error": "try again",
            "details": "it said no",
            "left": ["could not delete lan"],
        },
        trace,
    )
    (told,) = made.recent()

    assert before - 0.04 < told.at < time.time()
    assert told == happened(
        at=told.at,
        request="3f2a91c0",
        verb="ADD",
        pod="shop/web-0",
        container="c1",
        ifname="eth0",
        waited=0.5,
        seconds=0.03,
        code=11,
        error="try again",
        details="it said no",
        left=("could not delete lan",),
        networks=("cluster", "shop/lan"),
        phases=(
            Phase(name="lock", began=0.0, ms=1.0),
            Phase(name="plan", began=1.0, ms=2.0),
            Phase(name="delegates", began=4.0, ms=20.0),
        ),
        calls=(
            Call(
                network="shop/lan", ifname="net1", type="bridge", verb="ADD", began=5.0, ms=15.0, failed=True
            ),
            Call(
                network="shop/lan",
                ifname="net1",
                type="host-local",
                verb="ADD",
                began=6.0,
                ms=1.0,
                failed=True,
            ),
        ),
        notes={"again": True},
    )
    assert Happened.from_json(told.to_json()) == told


def test_a_verb_is_remembered_whatever_the_log_lets_through(kept: History) -> None:
    log.set_up("error")
    with log.verb("DEL", request="00000001", pod="shop/web-0"):
        log.bind(networks=["cluster"])
        with log.phase("delegates"), timing.timed("bridge", "DEL", "cluster", "eth0"):
            pass
    with (
        pytest.raises(TryAgain),
        log.verb("ADD", request="00000002"),
        timing.timed("ptp", "ADD", "cluster", "eth0"),
    ):
        raise TryAgain("not yet", hint="come back")

    failed, done = kept.recent()
    assert (done.request, done.pod, done.networks, done.failed) == (
        "00000001",
        "shop/web-0",
        ("cluster",),
        False,
    )
    assert [one.name for one in done.phases] == ["delegates"]
    assert [(one.type, one.verb, one.network, one.ifname, one.failed) for one in done.calls] == [
        ("bridge", "DEL", "cluster", "eth0", False)
    ]
    assert (failed.code, failed.error, failed.failed) == (11, "not yet (come back)", True)
    assert [one.failed for one in failed.calls] == [True]


def test_the_oldest_make_room(kept: History) -> None:
    for number in range(5):
        with log.verb("ADD", request=str(number)):
            pass

    assert [one.request for one in kept.recent()] == ["4", "3", "2"]
    assert [one.request for one in kept.recent(1)] == ["4"]
    assert kept.find("1") is None
    assert (found := kept.find("3")) is not None
    assert found.request == "3"


def test_with_none_to_keep_nothing_is() -> None:
    made = History(0)
    made.note({"request": "1"}, Trace())

    assert made.recent() == []


def test_an_entry_never_takes_more_than_it_may() -> None:
    trace = Trace()
    trace.phases = [("delegates", 0.0, 0.0)] * 1000
    trace.calls = [("n" * 9000, "net1", "t" * 9000, "GC", 0.0, 0.0, False)] * 1000
    made = History(1)
    made.note(
        {"request": "1", "error": "e" * 9000, "trace": "t" * 9000, "networks": ["n" * 9000] * 100}, trace
    )
    (told,) = made.recent()

    assert len(told.error) == history.MOST_TEXT
    assert [len(name) for name in told.networks] == [history.MOST_NAME] * history.MOST_NAMES
    assert len(told.phases) == len(told.calls) == history.MOST_PARTS
    assert len(told.calls[0].network) == len(told.calls[0].type) == history.MOST_NAME
    assert "trace" not in told.notes


def test_whoever_reads_meets_no_half_made_entry(kept: History) -> None:
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen.append(len(kept.recent()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(500):
        kept.note({"request": str(number), "networks": ["cluster"]}, Trace())
    done.set()
    reader.join()

    assert max(seen, default=0) <= 3
    assert [one.request for one in kept.recent()] == ["499", "498", "497"]


def test_remembering_costs_a_verb_next_to_nothing() -> None:
    """Of several rounds the best: what else the machine does is not ours."""
    made = History(256)
    trace = Trace()
    trace.phases = [("plan", 0.0, 0.0)] * 5
    trace.calls = [("shop/lan", "net1", "bridge", "ADD", 0.0, 0.0, False)] * 6
    line = {
        "verb": "ADD",
        "request": "3f2a91c0",
        "pod": "shop/web-0",
        "container": "c" * 64,
        "ifname": "eth0",
        "networks": ["cluster", "shop/lan", "shop/lan"],
        "seconds": 0.03,
        "waited": 0.0,
        "caller": 4711,
    }
    rounds = []
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(200):
            made.note(dict(line), trace)
        rounds.append((time.perf_counter() - began) / 200)

    assert min(rounds) < MOST_SECONDS
