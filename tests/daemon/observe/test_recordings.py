"""Of which requests a recording is kept, how many, and how large."""

from __future__ import annotations

import json

import pytest

from multinet.daemon.recording import recordings
from multinet.daemon.recording.recordings import MOST, MOST_BYTES, Mode, Recordings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("mode", "good", "bad"),
    [(Mode.FAILURES, False, True), (Mode.ALL, True, True), (Mode.NONE, False, False)],
)
def test_the_setting_says_of_which_requests(mode: Mode, good: bool, bad: bool) -> None:
    made = Recordings(mode)

    assert made.wants(lambda: "shop/web-0", failed=False) is good
    assert made.wants(lambda: "shop/web-0", failed=True) is bad
    assert (made.notes("ADD") is None) is (mode is Mode.NONE)
    assert made.notes("GC") is made.notes("STATUS") is None


def test_one_that_is_waited_for_is_kept_until_nobody_asks_any_more() -> None:
    clock = Clock()
    made = Recordings(Mode.NONE, clock=clock)
    assert made.next("shop/web-0", None) == (0, "")

    assert made.notes("ADD") is not None
    assert not made.wants(lambda: "shop/web-1", failed=True)
    assert made.wants(lambda: "shop/web-0", failed=False)
    made.keep("00000001", "shop/web-1", {"format": 1})
    made.keep("00000002", "shop/web-0", {"format": 1})
    assert made.next("shop/web-0", 0) == (0, "00000002")
    assert made.next("", 0) == (0, "00000001")
    assert made.next("", 2) == (2, "")
    clock.now += recordings.ARMED_SECONDS
    assert not made.wants(lambda: "shop/web-0", failed=False)
    assert made.notes("ADD") is None


def test_of_many_that_fail_at_once_only_as_many_are_recorded_as_are_kept() -> None:
    clock = Clock()
    made = Recordings(Mode.FAILURES, clock=clock)
    first = [made.wants(lambda: "", failed=True) for _ in range(MOST + 5)]
    made.next("shop/web-0", None)

    assert first == [True] * MOST + [False] * 5
    assert made.wants(lambda: "shop/web-0", failed=True)  # somebody waits for it
    clock.now += recordings.STORM_SECONDS
    assert made.wants(lambda: "", failed=True)


def test_the_oldest_make_room_and_none_takes_more_than_it_may() -> None:
    made = Recordings(Mode.ALL)
    for number in range(MOST + 2):
        made.keep(str(number), "", {"format": 1, "request": str(number)})

    assert made.requests() == [str(number) for number in range(MOST + 1, 1, -1)]
    assert made.find("1") is None
    made.keep("large", "", {"format": 1, "stdin": "x" * MOST_BYTES})
    assert (found := made.find("large")) is not None
    assert json.loads(found.content) == {"format": 1, "tooLarge": MOST_BYTES + 26}
