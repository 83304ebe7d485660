"""What is asked again, when, and what is not: against a server that answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube.client import Access, Api
from multinet.kube.errors import ApiError, ApiUnavailable
from tests.kube.apiserver import Answer, Scripted, refusal, serving
from tests.support.wait import until

BUSY = refusal(429, "TooManyRequests", "too many requests", Retry_After="1")
BROKEN = refusal(500, "InternalError", "etcd has no leader")
PODS = "/api/v1/pods"

Serve = Callable[..., tuple[Scripted, Api]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def made(*answers: Answer, path: str = "") -> tuple[Scripted, Api]:
            script = stack.enter_context(serving(*answers))
            api = Api(Access(server=script.server + path, token="t"))
            stack.callback(api.close)
            return script, api

        yield made


def test_a_connection_is_used_again(serve: Serve):
    script, api = serve(Answer(body='{"a": 1}'))
    assert [api.get(PODS, deadline=Deadline(5)) for _ in range(5)] == [{"a": 1}] * 5
    assert (len(script.asked), script.connections) == (5, 1)


def test_who_asks_and_for_what_is_in_the_headers(serve: Serve):
    script, api = serve(Answer(), path="/k8s/clusters/c-1/")
    api.get(PODS, deadline=Deadline(5), query={"fieldSelector": "spec.nodeName=a b"}, accept="x/y")
    api.patch(PODS, {"a": "ö"}, deadline=Deadline(5))
    assert script.asked == [
        "GET /k8s/clusters/c-1/api/v1/pods?fieldSelector=spec.nodeName%3Da+b",
        "PATCH /k8s/clusters/c-1/api/v1/pods",
    ]
    first, second = script.headers
    assert (first["Accept"], first["Authorization"]) == ("x/y", "Bearer t")
    assert first["User-Agent"].startswith("multinet/")
    assert second["Content-Type"] == "application/merge-patch+json"


def test_an_answer_that_nobody_wants_to_know_is_not_read(serve: Serve):
    script, api = serve(Answer(body='{"not": JSON}\n'))
    assert api.patch(PODS, {}, deadline=Deadline(5), unread=True) == {}
    assert api.post(PODS, {}, deadline=Deadline(5), unread=True) == {}
    assert script.connections == 1


@pytest.mark.parametrize("body", ["<html>{}</html>", "", "[]", '{"cut": '])
def test_it_must_look_like_one_all_the_same(body: str, serve: Serve):
    """Else a proxy's page with status 200 would be taken for a status that was written."""
    _, api = serve(Answer(body=body))
    with pytest.raises(ApiUnavailable, match=r"^the API server's answer to patch pods is not "):
        api.patch(PODS, {}, deadline=Deadline(5), unread=True)


def test_a_server_that_is_too_busy_is_left_alone_for_as_long_as_it_asks(serve: Serve):
    script, api = serve(BUSY, Answer(body='{"a": 1}'))
    began = time.monotonic()
    assert api.post(PODS, {}, deadline=Deadline(10)) == {"a": 1}
    assert time.monotonic() - began >= 1
    assert len(script.asked) == 2


def test_a_server_that_asks_for_more_time_than_there_is_gets_no_second_request(serve: Serve):
    script, api = serve(refusal(429, "TooManyRequests", "too many requests", Retry_After="60"))
    began = time.monotonic()
    with pytest.raises(ApiUnavailable) as busy:
        api.get(PODS, deadline=Deadline(10))
    assert str(busy.value) == "the API server was not able to list pods: too many requests (429)"
    assert (busy.value.status, busy.value.cni_code, isinstance(busy.value, TryAgain)) == (429, 11, True)
    assert time.monotonic() - began < 1
    assert len(script.asked) == 1


def test_a_failure_of_the_server_is_tried_again_until_the_deadline(serve: Serve):
    script, api = serve(BROKEN)
    began = time.monotonic()
    with pytest.raises(ApiUnavailable) as broken:
        api.get(PODS, deadline=Deadline(1))
    assert str(broken.value) == "the API server was not able to list pods: etcd has no leader (500)"
    assert time.monotonic() - began <= 1.2
    assert 3 <= len(script.asked) <= 6


@pytest.mark.parametrize("trouble", [BROKEN, Answer(hang_up=True)], ids=["500", "hung up"])
def test_what_may_have_been_made_is_not_made_twice_unless_its_name_is_ours(serve: Serve, trouble: Answer):
    script, api = serve(trouble, Answer(body='{"a": 1}'))
    with pytest.raises(ApiUnavailable):
        api.post(PODS, {}, deadline=Deadline(5))
    assert len(script.asked) == 1
    script.answers.insert(0, trouble)
    assert api.post(PODS, {}, deadline=Deadline(5), named=True) == {"a": 1}
    assert len(script.asked) == 3


def test_a_connection_that_is_hung_up_is_replaced(serve: Serve):
    script, api = serve(Answer(), Answer(hang_up=True), Answer(body='{"a": 1}'))
    api.get(PODS, deadline=Deadline(5))
    assert api.patch(PODS, {}, deadline=Deadline(5)) == {"a": 1}
    assert script.connections == 2


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(status=502, body="<html>"), "the API server was not able to list pods: Bad Gateway (502)"),
        (Answer(body="<html>"), "the API server's answer to list pods is not JSON: "),
        (Answer(body="[]"), "the API server's answer to list pods is not an object"),
        (Answer(status=302, headers={"Location": "/"}), "the API server refused to list pods: Found (302)"),
    ],
)
def test_the_words_of_something_else_than_an_api_server_are_no_answer(
    serve: Serve, answer: Answer, sentence: str
):
    _, api = serve(answer)
    with pytest.raises(ApiError) as strange:
        api.get(PODS, deadline=Deadline(0.3))
    assert str(strange.value).startswith(sentence)


def test_a_request_that_waits_for_its_next_try_is_ended_by_the_word(serve: Serve):
    deadline = Deadline(30)
    script, api = serve(refusal(429, "TooManyRequests", "too many requests", Retry_After="20"))

    def end() -> None:
        until(lambda: script.asked)
        deadline.end("the agent is being stopped")

    ender = threading.Thread(target=end)
    ender.start()
    began = time.monotonic()
    with pytest.raises(TryAgain):
        api.get(PODS, deadline=deadline)
    assert time.monotonic() - began < 2
    ender.join()


def test_an_endless_line_of_a_watch_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("multinet.kube.stream.LONGEST_LINE", 1000)
    script, api = serve(Answer(body="x" * 5000))
    with (
        pytest.raises(ApiUnavailable) as endless,
        api.stream(PODS, query={"watch": "1"}, read_seconds=5) as stream,
    ):
        list(stream)
    assert str(endless.value) == f"the API server {script.server} sent an endless line to watch pods"


def test_a_watch_whose_token_was_renewed_a_moment_ago_is_begun_again(serve: Serve):
    script, api = serve(refusal(401, "Unauthorized", "Unauthorized"), Answer(body='{"a": 1}\n\n{"a": 2}\n'))
    with api.stream(PODS, query={"watch": "1"}, read_seconds=5) as stream:
        assert list(stream) == [{"a": 1}, {"a": 2}]
    assert len(script.asked) == 2


def test_a_watch_that_is_refused_says_why(serve: Serve):
    _, api = serve(refusal(410, "Expired", "too old resource version: 1 (2)"))
    with (
        pytest.raises(ApiError) as gone,
        api.stream(PODS, query={"watch": "1"}, read_seconds=5),
    ):
        pass
    assert str(gone.value) == ("the API server refused to watch pods: too old resource version: 1 (2) (410)")
