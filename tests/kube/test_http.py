"""Answers in every form that HTTP/1.1 allows, in pieces as the network brings them, and in forms it doesn't."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

import pytest

from multinet.kube import http
from multinet.kube.answers import decode
from multinet.kube.errors import ApiUnavailable
from multinet.kube.http import Connection, Distrusted, Reply, Silent, Unanswered, Unreached
from multinet.kube.paths import Target
from multinet.kube.stream import Stream
from tests.support.wait import at_most

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;why=so\r\nhello\r\n1\r\n \r\nA\r\nto the wor\r\n2\r\nld\r\n0\r\nX-Sum: 1\r\n\r\n"
)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and what is at its other end."""
    near, far = socket.socketpair()
    connection = Connection(near)
    yield connection, far
    connection.close()
    far.close()


Ends = tuple[Connection, socket.socket]


def asked(ends: Ends, *pieces: bytes, hang_up: bool = False) -> Reply:
    connection, far = ends
    for piece in pieces:
        far.sendall(piece)
    if hang_up:
        far.shutdown(socket.SHUT_WR)
    return connection.ask(REQUEST, 5)


def test_an_answer_of_a_known_length_leaves_the_connection_free(ends: Ends):
    connection, far = ends
    answer = b"HTTP/1.1 404 Not Found\r\nRetry-AFTER:  3 \r\nContent-Length: 5\r\n\r\nhello"
    reply = asked(ends, answer)
    assert (reply.status, reply.reason, reply.headers["retry-after"]) == (404, "Not Found", "3")
    assert not connection.stands()  # the body is on its way
    assert (reply.read(), reply.read()) == (b"hello", b"hello")
    assert connection.stands()
    assert far.recv(1000) == REQUEST


def test_an_answer_longer_than_any_object_is_not_taken(ends: Ends, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http, "LONGEST_BODY", 3 << 20)
    connection, far = ends
    sender = threading.Thread(
        target=lambda: far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3145729\r\n\r\n" + bytes(3145729))
    )
    sender.start()
    with pytest.raises(Unanswered, match=r"^its answer has more than 3 MiB$"):
        connection.ask(REQUEST, 5).read()
    sender.join()
    assert not connection.stands()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_an_answer_in_chunks_is_read_however_it_is_cut(ends: Ends, size: int):
    connection, far = ends
    pieces = [CHUNKED[start : start + size] for start in range(0, len(CHUNKED), size)]

    def trickle() -> None:
        for piece in pieces:
            far.sendall(piece)

    sender = threading.Thread(target=trickle)
    sender.start()
    reply = connection.ask(REQUEST, 5)
    assert reply.read() == b"hello to the world"
    sender.join()
    assert connection.stands()


def test_chunks_are_handed_out_as_they_come(ends: Ends):
    _, far = ends
    reply = asked(ends, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
    pieces = reply.pieces()
    assert next(pieces) == b"one"
    far.sendall(b"3\r\ntwo\r\n")
    assert next(pieces) == b"two"


def test_an_answer_without_a_length_ends_with_the_connection(ends: Ends):
    reply = asked(ends, b"HTTP/1.0 200\r\n\r\nhel", b"lo", hang_up=True)
    assert (reply.reason, reply.read()) == ("", b"hello")
    assert not ends[0].stands()


def test_what_comes_before_the_answer_is_passed_over(ends: Ends):
    reply = asked(
        ends, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"
    )
    assert (reply.status, reply.read()) == (204, b"")
    assert ends[0].stands()


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", b"HTTP/1.0 200 OK\r\n"],
    ids=["it will close", "1.0"],
)
def test_a_connection_that_will_not_last_is_not_free(ends: Ends, head: bytes):
    assert asked(ends, head + b"Content-Length: 2\r\n\r\n{}").read() == b"{}"
    assert not ends[0].stands()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["its end", "words"])
def test_a_connection_on_which_something_came_unasked_no_longer_stands(ends: Ends, said: bytes):
    connection, far = ends
    assert connection.stands()
    far.sendall(said)
    far.shutdown(socket.SHUT_WR)
    assert not connection.stands()


def test_more_than_the_answer_is_doubted(ends: Ends):
    asked(ends, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}?").read()
    assert not ends[0].stands()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"", "it closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "it closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "it closed the connection"),
        (CHUNKED[:-20], "it closed the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "it does not speak HTTP"),
        (b"HTTP/1.1 two hundred\r\n\r\n", "it does not speak HTTP"),
        (b"x" * 70_000, "it does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n", "it does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "it does not speak HTTP"),
    ],
)
def test_half_an_answer_is_none(ends: Ends, said: bytes, sentence: str):
    with pytest.raises(Unanswered) as unanswered:
        asked(ends, said, hang_up=True).read()
    assert str(unanswered.value) == sentence
    assert not ends[0].stands()


@pytest.mark.parametrize("host", ["a..b", "x" * 64], ids=["an empty label", "a long label"])
def test_a_host_that_can_not_be_a_name_is_not_reached(host: str):
    with pytest.raises(Unreached) as unreached:
        Connection.to(host, 443, 1)
    assert str(unreached.value) == f"no host can have the name {host!r}"


def test_no_certificate_is_good_for_what_can_not_be_a_name(ends: Ends):
    with pytest.raises(Distrusted) as distrusted:
        ends[0].encrypt(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "a..b")
    assert str(distrusted.value) == "TLS: no host can have the name 'a..b'"


def test_silence_is_waited_out_for_so_long(ends: Ends):
    connection, far = ends
    far.sendall(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(Silent) as silent:
        connection.ask(REQUEST, 0.05)
    assert str(silent.value) == "it is silent"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
    ],
    ids=["status", "length", "sign", "chunk"],
)
def test_a_number_without_end_is_none(ends: Ends, said: bytes):
    """Python refuses more than 4,300 digits with an error of its own."""
    with pytest.raises(Unanswered, match=r"^it does not speak HTTP$"):
        asked(ends, said, hang_up=True).read()


@pytest.mark.parametrize(
    "again", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"], ids=["without a last word", "byte by byte"]
)
def test_an_answer_that_never_ends_is_given_up_like_silence(ends: Ends, again: bytes):
    connection, far = ends
    over = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            while not over.wait(0.01):
                far.sendall(again)

    dripping = threading.Thread(target=drip)
    if again == b"x":
        far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    dripping.start()
    try:
        with at_most(10), pytest.raises(Silent, match=r"^it takes too long$"):
            connection.ask(REQUEST, 5, within=0.3).read()
    finally:
        over.set()
        dripping.join()


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000])
def test_json_without_a_bottom_is_no_answer(text: bytes):
    with pytest.raises(ApiUnavailable, match=r"is not JSON: maximum recursion depth exceeded"):
        decode(text, Target.of("GET", "/api/v1/nodes/n1"))


def test_a_long_line_is_not_looked_through_again_with_each_of_its_pieces():
    """16 MiB in pieces of 16 KiB: copied with each of them, it would be 8 GiB."""

    class Pieces:
        def pieces(self) -> Iterator[bytes]:
            yield b'{"a": "'
            for _ in range(900):
                yield b"x" * (16 << 10)
            yield b'"}\n{"b": 1}\n'

    with at_most(60, of_the_processor=3):
        first, second = Stream(cast(Reply, Pieces()), Target.of("GET", "/api/v1/pods"), "https://api")
    assert len(first["a"]) == 900 * (16 << 10)
    assert second == {"b": 1}
