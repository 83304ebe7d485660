"""The status page over a real socket: who is answered, with what, and how often somebody looks."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from multinet.daemon import endpoint
from multinet.daemon.page import door as doors
from multinet.daemon.page.door import StatusDoor, read
from multinet.daemon.page.facts import Asked, Facts
from multinet.errors import InvalidConfig
from tests.daemon.page.conftest import Open, sources_of

pytestmark = pytest.mark.kernel


@pytest.fixture
def open_door(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(address: str = "127.0.0.1:0") -> StatusDoor:
            door = StatusDoor(address, sources_of(tmp_path))
            door.start()
            stack.callback(door.stop)
            return door

        yield make


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What was asked of the journal and the kernel."""
    seen: list[Asked] = []
    real = doors.gather

    def gather(sources: object, asked: Asked) -> Facts:
        seen.append(asked)
        return real(sources, asked)  # type: ignore[arg-type]

    monkeypatch.setattr(doors, "gather", gather)
    return seen


def say(door: StatusDoor, request: str, host: str | None = "localhost") -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer."""
    family, place = endpoint.parse(door.address)
    with socket.socket(family) as connection:
        connection.settimeout(20)
        connection.connect(place)
        named = f"Host: {host}\r\n" if host is not None else ""
        connection.sendall(f"{request} HTTP/1.1\r\n{named}\r\n".encode())
        heard = b""
        while more := connection.recv(1 << 16):
            heard += more
    head, _, body = heard.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


def test_the_page_is_told_with_headers_that_let_it_do_nothing(open_door: Open):
    status, headers, body = say(open_door(), "GET /")

    assert status == 200
    assert body.startswith("<!DOCTYPE html>\n")
    policy = re.sub(r"'sha256-[\w+/=]+'", "HASH", headers.pop("Content-Security-Policy"))
    assert policy == (
        "default-src 'none'; style-src HASH HASH; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    del headers["Date"]
    assert headers == {
        "Server": "multinet ",
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(body.encode())),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:9098", "localhost:18098", "127.0.0.1", "127.0.0.1:9098", "127.8.0.1", "[::1]",
     "[::1]:9098"],
)  # fmt: skip
def test_whoever_means_this_node_is_answered(open_door: Open, host: str):
    assert say(open_door(), "HEAD /", host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9098", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1:9098",
     "[fe80::1]", "[::ffff:127.0.0.1]:9098", "0.0.0.0:9098", "", "[", "[::1", "[::1]evil.example", "::1"],
)  # fmt: skip
def test_a_page_of_the_web_whose_name_leads_here_is_told_nothing(
    open_door: Open, looks: list[Asked], host: str
):
    status, headers, body = say(open_door(), "GET /", host)

    assert (status, body) == (421, f"the status page is not called {host}: ask for localhost\n")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert looks == []


def test_at_a_unix_socket_nobody_comes_by_a_name(open_door: Open, tmp_path: Path):
    door = open_door(f"unix:{tmp_path}/status.sock")

    assert say(door, "GET /", "node-1.example")[0] == 200
    assert say(door, "GET /", None)[0] == 200


def test_it_can_only_be_read(open_door: Open, looks: list[Asked]):
    door = open_door()

    assert [say(door, f"{verb} /")[0] for verb in ("POST", "PUT", "DELETE", "OPTIONS")] == [501] * 4
    assert say(door, "GET /metrics")[::2] == (404, "there is /\n")
    assert say(door, "GET /../../etc/passwd")[::2] == (404, "there is /\n")
    assert looks == []
    status, headers, body = say(door, "HEAD /")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 1000


def test_nobody_looks_unasked_and_who_asks_often_is_told_what_was_seen(
    open_door: Open, looks: list[Asked], monkeypatch: pytest.MonkeyPatch
):
    door = open_door()
    assert looks == []
    pages = {say(door, "GET /")[2] for _ in range(5)}
    assert (len(pages), looks) == (1, [Asked()])

    say(door, "GET /?q=web")
    assert looks == [Asked(), Asked(words="web")]
    monkeypatch.setattr(doors, "KEPT_SECONDS", 0.0)
    say(door, "GET /")
    assert looks[2:] == [Asked()]


def test_no_more_pages_are_kept_than_may_be(open_door: Open):
    door = open_door()
    for number in range(doors.KEPT + 5):
        assert say(door, f"GET /?q={number}")[0] == 200

    assert len(door._kept) == doors.KEPT


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", Asked()),
        ("q=+web-0%20&page=3&live=1", Asked(words="web-0", page=3, live=True)),
        ("page=0", Asked()),
        ("page=-1&live=yes", Asked()),
        ("page=%D9%A3", Asked()),
        ("page=" + "9" * 5000, Asked(page=999_999)),
        ("q=" + "a" * 5000, Asked(words="a" * doors.LONGEST_WORDS)),
        ("q=%FF%00", Asked(words="\ufffd\0")),
        ("q=a&q=b", Asked(words="a")),
        ("&".join(f"q{number}=1" for number in range(50)), Asked()),
        ("%", Asked()),
    ],
)
def test_a_query_is_read_as_far_as_it_makes_sense(query: str, asked: Asked):
    assert read(query) == asked


def test_an_address_that_others_could_reach_is_refused(tmp_path: Path):
    with pytest.raises(InvalidConfig) as caught:
        StatusDoor("0.0.0.0:9098", sources_of(tmp_path))

    assert str(caught.value) == (
        "the status page can't be served at '0.0.0.0:9098': others than this node would reach it (use 127.0.0.1, "
        "[::1] or unix:/run/multinet/probes.sock, and a proxy that asks who is reading in front of it)"
    )
