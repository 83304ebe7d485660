"""Probes and metrics over real sockets, and the program that the kubelet executes."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from multinet.daemon import endpoint, probe, probes
from multinet.daemon.metrics import Metrics
from multinet.daemon.probes import Probes
from multinet.errors import InvalidConfig, IOFailure
from tests.daemon.observe.conftest import Serve
from tests.support.wait import until


def fine() -> str:
    return ""


def connect(server: Probes) -> socket.socket:
    family, place = endpoint.parse(server.address)
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(place)
    return connection


def hear(connection: socket.socket) -> bytes:
    """All that is said until the other side hangs up."""
    heard = b""
    try:
        while more := connection.recv(65536):
            heard += more
    except ConnectionResetError:
        pass
    return heard


def say(server: Probes, request: bytes) -> bytes:
    with connect(server) as connection:
        connection.sendall(request)
        return hear(connection)


def get(server: Probes, path: str) -> tuple[int, str]:
    return probe.ask(endpoint.parse(server.address), path)


def probes_at(address: str) -> Probes:
    return Probes(address, Metrics(), live={}, ready={}, start={})


# ---- what is answered


def test_a_probe_is_fine_when_all_its_checks_are(serve_probes: Serve):
    server = serve_probes(live={"workers": fine}, ready={"api": fine, "primary": fine})

    assert [get(server, path) for path in ("/livez", "/readyz", "/startz")] == [(200, "ok\n")] * 3


def test_a_failed_probe_has_a_line_for_each_failed_check(serve_probes: Serve):
    def broken() -> str:
        raise ZeroDivisionError("by nothing")

    ready = {
        "primary": lambda: "no configuration in /etc/cni/net.d\nlook there",
        "api": fine,
        "nads": broken,
    }
    server = serve_probes(live={"workers": fine}, ready=ready)

    assert get(server, "/readyz") == (
        503,
        "primary: no configuration in /etc/cni/net.d look there\n"
        "nads: the check itself failed: ZeroDivisionError: by nothing\n",
    )
    assert get(server, "/livez") == (200, "ok\n")


def test_a_check_is_asked_each_time(serve_probes: Serve):
    reasons = iter(["not yet", "", "no more"])
    server = serve_probes(ready={"sync": lambda: next(reasons)})

    assert [get(server, "/readyz")[0] for _ in range(3)] == [503, 200, 503]


def test_the_metrics_are_text_that_prometheus_reads(serve_probes: Serve):
    server = serve_probes()
    head, _, body = say(server, b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n").partition(b"\r\n\r\n")

    assert head.splitlines()[0] == b"HTTP/1.0 200 OK"
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8" in head.splitlines()
    assert f"Content-Length: {len(body)}".encode() in head.splitlines()
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert {"multinet_request_seconds", "multinet_queue_length", "process_open_fds"} <= names


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /readyz?verbose=1 HTTP/1.1\r\nHost: x\r\n\r\n", 200, b"ok\n"),
        (b"GET /readyz HTTP/1.0\n\n", 200, b"ok\n"),
        (b"HEAD /readyz HTTP/1.0\r\n\r\n", 200, b""),
        (b"GET / HTTP/1.0\r\n\r\n", 404, b"there are /metrics, /livez, /readyz, /startz\n"),
        (b"GET /../etc/passwd HTTP/1.0\r\n\r\n", 404, b"there are /metrics, /livez, /readyz, /startz\n"),
    ],
)
def test_requests_are_read_as_http_asks_for(serve_probes: Serve, request_: bytes, status: int, body: bytes):
    head, _, said = say(serve_probes(), request_).partition(b"\r\n\r\n")

    assert head.split()[1] == str(status).encode()
    assert said == body


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            b"POST /metrics HTTP/1.0\r\nContent-Length: 2\r\n\r\n",
            b"\r\n\r\n501 Unsupported method ('POST')\n",
        ),
        (b"GET\r\n\r\n", b"400 Bad request syntax ('GET')\n"),
        (b"\x16\x03\x01\x02 \x01 \x01\r\n\r\n", b")\n"),
        (b"GET /readyz HTTP/1.0\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431 Too many headers\n"),
    ],
)
def test_what_is_not_ours_to_answer_is_refused(serve_probes: Serve, request_: bytes, said: bytes):
    server = serve_probes()

    assert say(server, request_).endswith(said)
    assert get(server, "/livez") == (200, "ok\n")


def test_a_request_without_an_end_is_hung_up_on_at_its_limit(serve_probes: Serve):
    server = serve_probes()

    assert say(server, b"GET /" + b"a" * (probes.MOST_REQUEST_BYTES + 1)) == b""
    assert get(server, "/livez") == (200, "ok\n")


# ---- whoever is slow


def test_slow_clients_stand_in_nobodys_way(serve_probes: Serve):
    server = serve_probes()
    with ExitStack() as stack:
        for _ in range(probes.MOST_CONNECTIONS - 1):
            stack.enter_context(connect(server)).sendall(b"GET /rea")
        began = time.monotonic()
        assert get(server, "/livez") == (200, "ok\n")
        assert time.monotonic() - began < probes.REQUEST_SECONDS / 2


def test_the_oldest_connection_makes_room_when_there_are_too_many(serve_probes: Serve):
    server = serve_probes()
    with ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(probes.MOST_CONNECTIONS)]
        assert get(server, "/livez") == (200, "ok\n")
        assert hear(held[0]) == b""
        held[-1].sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert hear(held[-1]).endswith(b"ok\n")


def test_a_flood_of_connections_makes_no_flood_of_threads(serve_probes: Serve):
    server = serve_probes()
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(probes.MOST_CONNECTIONS * 5):
            stack.enter_context(connect(server))
            assert threading.active_count() - before <= probes.MOST_CONNECTIONS + 1
        assert get(server, "/livez") == (200, "ok\n")


def test_a_request_has_one_deadline_however_steadily_it_drips(
    serve_probes: Serve, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(probes, "REQUEST_SECONDS", 0.2)
    server = serve_probes()
    with connect(server) as connection:
        began = time.monotonic()
        connection.setblocking(False)

        def hung_up() -> bool:
            try:
                connection.send(b"a")
                return connection.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        until(hung_up, what="the server to hang up")
        assert time.monotonic() - began >= 0.2


def test_an_answer_that_nobody_takes_ends_with_its_connection(
    serve_probes: Serve, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(probes, "REQUEST_SECONDS", 0.2)
    much = "x" * (16 << 20)
    server = serve_probes(ready={"api": lambda: much})
    before = threading.active_count()
    with connect(server) as connection:
        connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        until(lambda: threading.active_count() > before, what="the answer to begin")
        until(lambda: threading.active_count() == before, what="the answer to be given up")


# ---- starting and stopping


def test_it_stops_at_once_and_hangs_up_on_everybody(serve_probes: Serve):
    server = serve_probes()
    with connect(server) as connection:
        connection.sendall(b"GET /li")
        get(server, "/livez")  # by now the slow one is being read
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < probes.REQUEST_SECONDS / 2
        assert hear(connection) == b""
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("probe")] == []
    server.stop()  # again: nothing to do


def test_it_can_be_started_again(serve_probes: Serve):
    server = serve_probes()
    server.stop()
    server.start()

    assert get(server, "/livez") == (200, "ok\n")


def test_a_port_that_is_taken_is_an_error_that_says_so(serve_probes: Serve):
    taken = serve_probes().address

    with pytest.raises(IOFailure) as caught:
        probes_at(taken).start()
    port = taken.rpartition(":")[2]
    assert str(caught.value) == (
        f"could not serve metrics and probes at 127.0.0.1 port {port}: Address already in use "
        "(another agent may be running; or give 'metrics' another address)"
    )


def test_it_serves_on_ipv6_loopback(serve_probes: Serve):
    server = serve_probes("[::1]:0")

    assert server.address.startswith("[::1]:")
    assert get(server, "/livez") == (200, "ok\n")


# ---- the unix socket


def test_a_unix_socket_is_its_owners_only_and_goes_with_the_server(serve_probes: Serve, tmp_path: Path):
    server = serve_probes(f"unix:{tmp_path}/probes.sock")

    found = os.stat(tmp_path / "probes.sock")
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert get(server, "/livez") == (200, "ok\n")
    server.stop()
    assert list(tmp_path.iterdir()) == []


def test_the_socket_that_a_killed_agent_left_is_replaced(serve_probes: Serve, tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "probes.sock"))

    assert get(serve_probes(f"unix:{tmp_path}/probes.sock"), "/livez") == (200, "ok\n")


def test_the_socket_of_a_living_agent_is_not(serve_probes: Serve, tmp_path: Path):
    server = serve_probes(address := f"unix:{tmp_path}/probes.sock")

    with pytest.raises(IOFailure, match="Address already in use"):
        probes_at(address).start()
    assert get(server, "/livez") == (200, "ok\n")


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path):
    (tmp_path / "probes.sock").write_text("precious")

    with pytest.raises(IOFailure) as caught:
        probes_at(f"unix:{tmp_path}/probes.sock").start()
    assert str(caught.value) == (
        f"could not serve metrics and probes at {tmp_path}/probes.sock: Address already in use "
        "(another agent may be running; or give 'metrics' another address)"
    )
    assert (tmp_path / "probes.sock").read_text() == "precious"


# ---- addresses

NO_ADDRESS = "that is no address (write it like 127.0.0.1:9097, [::1]:9097 or unix:/run/multinet/probes.sock)"
OPEN = (
    "others than this node would reach it (use 127.0.0.1, [::1] or unix:/run/multinet/probes.sock, "
    "and a proxy that asks who is reading in front of it)"
)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("0.0.0.0:9097", OPEN),
        ("[::]:9097", OPEN),
        ("192.0.2.1:9097", OPEN),
        ("[::ffff:127.0.0.1]:9097", OPEN),
        (":9097", NO_ADDRESS),
        ("", NO_ADDRESS),
        ("localhost:9097", NO_ADDRESS),
        ("::1:9097", NO_ADDRESS),
        ("127.1:9097", NO_ADDRESS),
        ("127.0.0.1", NO_ADDRESS),
        ("127.0.0.1:", NO_ADDRESS),
        ("127.0.0.1:65536", NO_ADDRESS),
        ("127.0.0.1:-1", NO_ADDRESS),
        ("127.0.0.1:٣", NO_ADDRESS),
        ("http://127.0.0.1:9097", NO_ADDRESS),
        ("127.0.0.1\0:9097", NO_ADDRESS),
        (
            "unix:run/probes.sock",
            "the socket's path is not absolute (write it like unix:/run/multinet/probes.sock)",
        ),
    ],
)
def test_an_address_that_others_could_reach_or_that_is_none_is_refused(address: str, why: str):
    with pytest.raises(InvalidConfig) as caught:
        probes_at(address)
    assert str(caught.value) == f"metrics and probes can't be served at {address!r}: {why}"


def test_a_path_that_is_too_long_for_a_socket_is_an_error(tmp_path: Path):
    path = tmp_path / ("a" * 120)

    with pytest.raises(IOFailure, match="path too long"):
        probes_at(f"unix:{path}").start()
