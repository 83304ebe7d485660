"""How the Reflector goes about a server that lists and does not let itself be watched."""

from __future__ import annotations

from typing import Any

import pytest

from multinet.kube import watch
from multinet.kube.backoff import Backoff
from multinet.kube.errors import ApiUnavailable
from multinet.kube.watch import Reflector
from tests.kube.script import Script
from tests.support.wait import until

UNAVAILABLE = ApiUnavailable("the API server was not able to watch pods: leader changed (500)", status=500)
ERROR = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "leader changed"}}
GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited, each time; it does not."""
    taken: list[float] = []

    class Quick(Backoff):
        def next(self) -> float:
            taken.append(super().next())
            return 0.0

    monkeypatch.setattr(watch, "Backoff", Quick)
    return taken


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(watch.log, "warn", lambda event, **_: lines.append(event))
    return lines


def after(pauses: list[float], count: int, script: Script) -> Reflector[str, str]:
    """The Reflector when it has waited so often."""
    reflector: Reflector[str, str] = Reflector(script.api, "/pods", name="marks", keep=kept)
    reflector.start()
    try:
        until(lambda: len(pauses) >= count, what=f"{count} pauses")
    finally:
        reflector.stop()
    return reflector


def kept(obj: Any) -> tuple[str, str]:
    return obj["metadata"]["name"], ""


def test_the_pauses_grow_to_half_a_minute_and_one_line_is_said(pauses: list[float], said: list[str]):
    reflector = after(pauses, 12, Script("[]", failure=UNAVAILABLE))

    whole = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]
    assert [
        round(pause, 3) for pause, most in zip(pauses, whole, strict=False) if not most / 2 <= pause <= most
    ] == []
    assert said == ["the API server is not heard"]
    assert reflector.problem == "the API server was not able to watch pods: leader changed (500)"


def test_after_a_few_failures_the_list_is_read_anew(pauses: list[float], said: list[str]):
    script = Script("[]", failure=UNAVAILABLE)

    after(pauses, 6, script)

    assert script.asked[:8] == ["list", *["watch"] * 5, "list", "watch"]


def test_a_watch_that_ends_at_once_is_no_reason_to_hurry(pauses: list[float], said: list[str]):
    script = Script("[]")

    after(pauses, 9, script)

    assert script.asked[:4] == ["list", "watch", "watch", "watch"]
    assert pauses[8] >= 12.8


@pytest.mark.parametrize(
    ("event", "asked"),
    [(ERROR, ["list", "watch", "watch", "watch"]), (GONE, ["list", "watch", "list", "watch"])],
)
def test_an_error_in_the_watch_is_gone_on_from_unless_the_version_is_too_old(
    pauses: list[float], said: list[str], event: dict[str, Any], asked: list[str]
):
    script = Script("[]", events=(event,))

    after(pauses, 9, script)

    assert script.asked[:4] == asked
    assert pauses[8] >= 12.8


def test_whatever_is_brought_makes_the_next_failure_a_first_one(pauses: list[float], said: list[str]):
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}

    after(pauses, 9, Script("[]", events=(bookmark, ERROR)))

    assert max(pauses) <= 0.1
    assert said == []


def test_what_can_not_be_read_is_not_asked_for_in_haste(pauses: list[float], said: list[str]):
    """Each node would list everything ten times a second."""
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {}}}

    script = Script("[]", events=(bookmark,))
    after(pauses, 9, script)

    assert script.asked[:4] == ["list", "watch", "list", "watch"]
    assert pauses[8] >= 12.8
