"""What is counted up and what is said anew, with a clock of our own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from multinet.kube import said as module
from multinet.kube.said import Occurrence, Said, Subject


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said(clock: Clock) -> Said:
    return Said(quiet_seconds=10, calm_seconds=0, clock=clock)


def occurrence(message: str = "no addresses", request_id: str = "r1") -> Occurrence:
    return Occurrence(
        kind="Warning",
        reason="FailedNetworks",
        about=Subject(kind="Pod", namespace="shop", name="cart"),
        message=message,
        request_id=request_id,
        when=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_first_is_due_at_once_and_the_next_after_a_quiet_time(said: Said, clock: Clock):
    said.note(occurrence())
    [entry] = said.due()
    said.written(entry)
    assert (said.due(), said.seconds_until_due()) == ([], None)
    said.note(occurrence(request_id="r2"))
    said.note(occurrence(request_id="r3"))
    assert (said.due(), said.seconds_until_due()) == ([], 10)
    assert said.due(at_once=True) == [entry]
    clock.now += 10
    assert said.due() == [entry]
    assert (entry.count, entry.latest.request_id, said.seconds_until_due()) == (3, "r3", 0)


def test_nothing_is_due_before_it_is_calm(clock: Clock):
    said = Said(quiet_seconds=10, calm_seconds=1, clock=clock)
    said.note(occurrence("a"))
    clock.now += 0.75
    said.note(occurrence("b"))
    clock.now += 0.5
    assert (said.due(), said.seconds_until_due()) == ([], 0.5)
    clock.now += 0.5
    assert [entry.latest.message for entry in said.due()] == ["a", "b"]


def test_where_it_never_gets_calm_it_is_due_after_a_while(clock: Clock):
    said = Said(quiet_seconds=10, calm_seconds=1, clock=clock)
    said.note(occurrence("first"))
    for number in range(8):
        assert said.due() == []
        clock.now += 0.625
        said.note(occurrence(f"another {number}"))
    [first] = said.due()
    assert first.latest.message == "first"
    said.written(first)
    assert (said.due(), said.seconds_until_due()) == ([], 0.625)


def test_the_next_try_in_another_sandbox_is_the_same_event(said: Said):
    for sandbox, netns in (("a3" * 32, "0b8a1f3e"), ("5e" * 32, "77aa01fc")):
        path = f"/var/run/netns/cni-{netns}-2f4c-9a31-77aa-5d0c6b1e9f20"
        said.note(occurrence(f"could not write sandboxes/{sandbox}@eth0.json for {path}: the disk is full"))
    said.note(occurrence("could not write: the disk is full"))
    assert [entry.count for entry in said.due()] == [2, 1]


def test_after_an_hour_it_is_said_anew(said: Said, clock: Clock):
    said.note(occurrence())
    [first] = said.due()
    said.written(first)
    clock.now += module.REMEMBERED_SECONDS
    said.note(occurrence())
    [second] = said.due()
    assert second is not first
    assert second.count == 1


def test_the_oldest_is_forgotten_when_there_are_too_many(said: Said, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 2)
    for message in ("a", "b", "c"):
        said.note(occurrence(message))
    assert [entry.latest.message for entry in said.due()] == ["b", "c"]
