"""The Reflector against a real API server, and whatever can happen between the two."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from multinet.kube import stream, watch
from multinet.kube.watch import Reflector
from tests.kube.conftest import MakeApi
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, AGENT, ControlPlane
from tests.support.proxy import Proxy
from tests.support.wait import until

pytestmark = pytest.mark.cluster

MARK = "example.org/mark"
Marks = Reflector[str, str]


def mark_of(obj: Mapping[str, Any]) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata["name"], metadata.get("annotations", {}).get(MARK, "")


class Field:
    """A namespace with pods, and what watches them."""

    def __init__(self, plane: ControlPlane, namespace: str, make_api: MakeApi, stack: ExitStack) -> None:
        self.plane = plane
        self.namespace = namespace
        self.path = f"/api/v1/namespaces/{namespace}/pods"
        self._make_api = make_api
        self._stack = stack

    def pod(self, name: str, mark: str = "") -> None:
        kubeobjects.pod(self.plane, self.namespace, name, {MARK: mark})

    def mark(self, name: str, mark: str) -> None:
        kubeobjects.annotate(self.plane, self.namespace, name, {MARK: mark})

    def delete(self, name: str) -> None:
        kubeobjects.delete_pod(self.plane, self.namespace, name)

    def proxy(self) -> Proxy:
        return self._stack.enter_context(Proxy(self.plane.port))

    def reflector(self, *, port: int = 0, token: Path | None = None, path: str = "", **more: Any) -> Marks:
        """Not started."""
        more = {"keep": mark_of, "name": "marks", **more}
        made: Marks = Reflector(self._make_api(port=port, token=token), path or self.path, **more)
        return made

    def start(self, reflector: Marks) -> Marks:
        """It is stopped when the test is over."""
        reflector.start()
        self._stack.callback(reflector.stop)
        return reflector

    def watching(self, **more: Any) -> Marks:
        """Started, and in sync."""
        made = self.start(self.reflector(**more))
        assert made.wait_in_sync(20)
        until(lambda: self.asked("watch"), what="the watch")
        return made

    def asked(self, verb: str, user: str = AGENT) -> int:
        """How many requests of that verb the server got for this namespace."""
        return sum(
            asked.verb == verb and asked.namespace == self.namespace for asked in self.plane.requests(user)
        )


@pytest.fixture
def field(control_plane: ControlPlane, kube_namespace: str, make_api: MakeApi) -> Iterator[Field]:
    with ExitStack() as stack:
        yield Field(control_plane, kube_namespace, make_api, stack)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the log has been told."""
    lines: list[str] = []
    monkeypatch.setattr(watch.log, "warn", lambda event, **_: lines.append(event))
    return lines


def shows(reflector: Marks, expected: Mapping[str, str]) -> None:
    until(lambda: reflector.items() == expected, seconds=20, what=f"{expected}, not {reflector.items()}")


# --- what is there ---


def test_one_list_and_one_watch_tell_what_is_made_changed_and_deleted(field: Field):
    field.pod("a", "1")
    reflector = field.watching()
    assert (dict(reflector.items()), len(reflector), reflector.get("a")) == ({"a": "1"}, 1, "1")

    field.pod("b", "2")
    shows(reflector, {"a": "1", "b": "2"})
    field.mark("a", "one")
    shows(reflector, {"a": "one", "b": "2"})
    field.delete("b")
    shows(reflector, {"a": "one"})
    assert reflector.get("b") is None

    assert (field.asked("list"), field.asked("watch")) == (1, 1)
    assert reflector.problem == ""


def test_an_object_that_is_not_kept_is_passed_over(field: Field):
    field.pod("a", "1")
    field.pod("b", "skip")
    reflector = field.watching(keep=lambda obj: kept if (kept := mark_of(obj))[1] != "skip" else None)

    field.pod("c", "skip")
    field.pod("d", "4")

    shows(reflector, {"a": "1", "d": "4"})


@pytest.fixture
def many(field: Field) -> str:
    """The path of 300 definitions."""
    for number in range(300):
        kubeobjects.nad(field.plane, field.namespace, f"net-{number}", {"type": "bridge"})
    return kubeobjects.NADS.format(namespace=field.namespace)


def test_a_long_list_is_read_page_by_page(field: Field, many: str):
    reflector = field.watching(path=many)

    assert set(reflector.items()) == {f"net-{number}" for number in range(300)}
    lists = [asked.uri for asked in field.plane.requests() if asked.verb == "list" and many in asked.uri]
    assert [("limit=250" in uri, "continue=" in uri) for uri in lists] == [(True, False), (True, True)]


def test_of_large_objects_there_are_few_on_a_page(field: Field, monkeypatch: pytest.MonkeyPatch):
    """A page of 250 would be 250 MB of JSON, in every agent of the cluster at once."""
    names = [f"a-large-{number}" for number in range(5)]
    for name in names:
        kubeobjects.nad(field.plane, field.namespace, name, {"type": "bridge", "is": "x" * (1 << 20)})
    for number in range(40):
        kubeobjects.nad(field.plane, field.namespace, f"small-{number}", {"type": "bridge"})
    read: list[int] = []
    decode = stream.decode
    monkeypatch.setattr(stream, "decode", lambda text, *more: read.append(len(text)) or decode(text, *more))

    path = kubeobjects.NADS.format(namespace=field.namespace)
    reflector = field.watching(path=path)

    assert set(reflector.items()) == {*names, *(f"small-{number}" for number in range(40))}
    assert max(read) <= watch.LONGEST_PAGE
    lists = [asked.uri for asked in field.plane.requests() if asked.verb == "list" and path in asked.uri]
    limits = [int(uri.partition("limit=")[2].partition("&")[0]) for uri in lists]
    for name in names:
        kubeobjects.delete_nad(field.plane, field.namespace, name)
    assert limits == [250, 31, 3, *[1] * 5, 1, 2, 4, 8, 16, 32]


def test_a_list_whose_next_page_is_forgotten_is_begun_anew(field: Field, many: str):
    half, go_on = threading.Event(), threading.Event()
    seen = 0

    def keep(obj: Mapping[str, Any]) -> tuple[str, str]:
        nonlocal seen
        seen += 1
        if seen == 250:
            half.set()
            assert go_on.wait(60)
        return mark_of(obj)

    reflector = field.start(field.reflector(path=many, keep=keep))
    assert half.wait(20)
    try:
        kubeobjects.nad(field.plane, field.namespace, "late", {"type": "bridge"})
        field.plane.compact()
        field.plane.stop_apiserver(signal.SIGKILL)  # which had the older list in its memory still
        field.plane.start_apiserver()
        assert not reflector.in_sync
    finally:
        go_on.set()
    assert reflector.wait_in_sync(20)

    assert set(reflector.items()) == {*(f"net-{number}" for number in range(300)), "late"}
    assert [asked.code for asked in field.plane.requests() if asked.verb == "list" and many in asked.uri] == [
        200,
        410,
        200,
        200,
    ]


# --- what happens to a connection ---


def test_a_watch_that_was_cut_goes_on_from_where_it_was(field: Field, said: list[str]):
    field.pod("a", "1")
    proxy = field.proxy()
    reflector = field.watching(port=proxy.port)

    proxy.cut()
    field.pod("b", "2")

    shows(reflector, {"a": "1", "b": "2"})
    assert (field.asked("list"), field.asked("watch")) == (1, 2)
    assert said == []


def test_a_watch_whose_time_is_over_goes_on(field: Field, monkeypatch: pytest.MonkeyPatch, said: list[str]):
    monkeypatch.setattr(watch, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(watch, "STEADY_SECONDS", 0.5)
    reflector = field.watching()

    until(lambda: field.asked("watch") >= 3, seconds=20, what="the third watch")
    field.pod("a", "1")

    shows(reflector, {"a": "1"})
    assert (field.asked("list"), reflector.problem, said) == (1, "", [])


def test_a_half_open_connection_is_noticed_by_its_silence(field: Field):
    field.pod("a", "1")
    proxy = field.proxy()
    reflector = field.watching(port=proxy.port, read_seconds=1.0)
    watches = field.asked("watch")

    proxy.freeze()
    field.mark("a", "one")

    shows(reflector, {"a": "one"})
    assert field.asked("watch") > watches
    assert field.asked("list") == 1


def test_a_watch_that_the_server_has_forgotten_is_listed_anew(field: Field, said: list[str]):
    field.pod("a", "1")
    field.pod("b", "2")
    proxy = field.proxy()
    reflector = field.watching(port=proxy.port)

    proxy.freeze()
    field.delete("a")
    field.mark("b", "two")
    field.plane.stop_apiserver(signal.SIGKILL)
    field.plane.start_apiserver()  # what came before it started is not in its memory
    assert dict(reflector.items()) == {"a": "1", "b": "2"}
    proxy.cut()

    shows(reflector, {"b": "two"})
    assert (field.asked("list"), field.asked("watch")) == (2, 3)
    assert said == []


# --- a server that is away ---


def test_what_is_kept_outlives_an_outage_and_is_brought_up_to_date(field: Field, said: list[str]):
    field.pod("a", "1")
    field.pod("b", "2")
    reflector = field.watching()
    field.plane.stop_apiserver(signal.SIGKILL)
    try:
        until(lambda: reflector.problem, seconds=20, what="the outage to be noticed")
        age = reflector.age()
        until(lambda: reflector.age() > age + 0.2, what="the age to grow")
        assert reflector.in_sync
        assert dict(reflector.items()) == {"a": "1", "b": "2"}
        assert f"the API server {field.plane.server} did not answer to " in reflector.problem
        assert "Connection refused" in reflector.problem
    finally:
        field.plane.start_apiserver()
    field.delete("a")
    field.mark("b", "two")

    shows(reflector, {"b": "two"})
    until(lambda: not reflector.problem, seconds=40, what="the server to be heard again")
    assert said == ["the API server is not heard", "the API server is heard again"]


def test_a_server_that_is_away_at_the_start_is_waited_for(field: Field, said: list[str]):
    field.pod("a", "1")
    proxy = field.proxy()
    proxy.refuse()
    reflector = field.start(field.reflector(port=proxy.port))

    until(lambda: reflector.problem, what="the problem to be told")
    assert (reflector.in_sync, reflector.age(), len(reflector)) == (False, float("inf"), 0)
    assert not reflector.wait_in_sync(0)
    proxy.open()

    assert reflector.wait_in_sync(20)
    shows(reflector, {"a": "1"})
    until(lambda: not reflector.problem, what="the problem to be over")
    assert said == ["the API server is not heard", "the API server is heard again"]


def test_a_token_that_is_renewed_is_used_by_the_next_request(field: Field, tmp_path: Path):
    token = tmp_path / "token"
    token.write_text("expired")
    reflector = field.start(field.reflector(port=(proxy := field.proxy()).port, token=token))
    until(lambda: reflector.problem, what="the problem to be told")
    assert reflector.problem.endswith(
        "Unauthorized (401) (the agent's token is not accepted: see whether it has expired or its service "
        "account is gone)"
    )

    token.write_text(field.plane.token(AGENT))
    assert reflector.wait_in_sync(20)
    until(lambda: field.asked("watch"), what="the watch")
    token.write_text(field.plane.token(ADMIN))

    cut = 0

    def renewed() -> bool:
        """The file is looked at once a second, so a watch or two may have the old one still."""
        nonlocal cut
        if (watches := field.asked("watch")) > cut:
            cut = watches
            proxy.cut()
        return field.asked("watch", ADMIN) > 0

    until(renewed, seconds=20, what="a watch with the new token")
    assert field.asked("list") == 1


# --- what must not happen ---


def test_what_can_not_be_read_ends_no_thread_and_hides_no_other(field: Field):
    def keep(obj: Mapping[str, Any]) -> tuple[str, str]:
        if obj["metadata"].get("annotations", {}).get(MARK) == "poison":
            raise ValueError("no such mark")
        return mark_of(obj)

    field.pod("a", "1")
    field.pod("b", "poison")
    reflector = field.watching(keep=keep)
    shows(reflector, {"a": "1"})
    field.pod("c", "poison")
    field.pod("d", "3")
    shows(reflector, {"a": "1", "d": "3"})
    assert reflector.problem == ""

    field.mark("b", "2")
    shows(reflector, {"a": "1", "b": "2", "d": "3"})


def test_it_stops_within_a_second_while_it_listens(field: Field):
    reflector = field.watching()

    assert seconds_of(reflector.stop) < 1
    assert "watch-marks" not in {thread.name for thread in threading.enumerate()}
    assert (reflector.in_sync, reflector.problem) == (True, "")


def test_it_stops_within_a_second_while_a_server_says_nothing(field: Field):
    field.plane.freeze_apiserver()
    try:
        reflector = field.start(field.reflector())
        assert not reflector.wait_in_sync(0.2)
        assert seconds_of(reflector.stop) < 1.5
    finally:
        field.plane.thaw_apiserver()
    until(
        lambda: "watch-marks" not in {thread.name for thread in threading.enumerate()},
        seconds=20,
        what="the thread to end",
    )


def seconds_of(call: Callable[[], None]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
