"""Probes and metrics over HTTP, on a unix socket or a loopback port.

    /metrics    what Prometheus reads
    /livez      200 while the agent works; else a restart may help
    /readyz     200 while it can serve an ADD
    /startz     200 once it has begun

A probe that fails answers 503, with a line for each check that failed: its name and why.

Whoever connects may be slow or mean: a request has one deadline and one limit for all of it, there is one
request a connection, and when there are too many the oldest makes room, so that nobody can shut out the
kubelet by holding connections open.
"""

from __future__ import annotations

import io
import os
import socket
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Final

from multinet import log
from multinet.daemon import endpoint
from multinet.daemon.metrics import CONTENT_TYPE, Metrics
from multinet.errors import IOFailure

Checks = Mapping[str, Callable[[], str]]
"""Name of a check -> function that says why it fails, "" when all is well. They must be quick."""

REQUEST_SECONDS: Final = 5.0
"""For a whole request to arrive, and again for the answer to be taken."""
MOST_REQUEST_BYTES: Final = 8192
"""Prometheus sends a few hundred bytes."""
MOST_CONNECTIONS: Final = 16
BACKLOG: Final = 128
"""A TCP connection that finds it full is tried again only after a second, which fails a probe."""
PAUSE_SECONDS: Final = 0.1
"""Before the next try to accept when no file descriptor is left, and for a connection to end that is hung up."""

PLAIN: Final = "text/plain; charset=utf-8"

Page = tuple[HTTPStatus, str, bytes]
"""Status, content type and body."""


class Door(ABC):
    """A small server of pages by HTTP. It listens from ``start`` to ``stop``."""

    serves: ClassVar[str]
    """What is behind it, for people."""
    setting: ClassVar[str]
    """Which setting says where it is."""

    def __init__(self, address: str) -> None:
        """Raises InvalidConfig for an address that others than this node could reach."""
        self._family, self._place = endpoint.parse(address, serves=self.serves)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}  # the oldest first

    @property
    def address(self) -> str:
        """Where it listens, in words that it would take itself; with port 0, the port that was chosen."""
        if isinstance(self._place, str):
            return f"unix:{self._place}"
        host, port = self._place[0], self._place[1]
        if self._listener is not None:
            port = self._listener.getsockname()[1]
        return f"[{host}]:{port}" if self._family is socket.AF_INET6 else f"{host}:{port}"

    def start(self) -> None:
        """Raises IOFailure when it can't listen there."""
        self._listener = listen(self._family, self._place, serves=self.serves, setting=self.setting)
        self._thread = threading.Thread(
            target=self._accept, args=(self._listener,), name=f"door {self.serves}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody. Does nothing when it has not been started."""
        if self._listener is None or self._thread is None:
            return
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join()
        self._listener.close()
        with self._lock:
            left = list(self._connections.items())
        for connection, thread in left:
            _hang_up(connection)
            thread.join(REQUEST_SECONDS)  # no longer: a check that hangs must not keep the agent from ending
        if isinstance(self._place, str):
            with suppress(FileNotFoundError):
                os.unlink(self._place)
        self._listener = self._thread = None
        self._stopping.clear()

    @abstractmethod
    def answer(self, path: str, query: str) -> Page:
        """What is at a path."""

    def headers(self) -> Mapping[str, str]:
        """What every answer has besides."""
        return {}

    def welcomes(self, host: str) -> bool:
        """Is it answered whom the request calls so (its ``Host``)?"""
        return True

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:  # stop() has woken us, the other side has gone, or there are no descriptors left
                self._stopping.wait(PAUSE_SECONDS)
                continue
            self._make_room()
            thread = threading.Thread(target=self._serve, args=(connection,), name="probe", daemon=True)
            with self._lock:
                self._connections[connection] = thread
            try:
                thread.start()
            except RuntimeError:  # no thread left
                with self._lock:
                    del self._connections[connection]
                connection.close()

    def _make_room(self) -> None:
        with self._lock:
            if len(self._connections) < MOST_CONNECTIONS:
                return
            oldest, thread = next(iter(self._connections.items()))
            _hang_up(oldest)
        thread.join(PAUSE_SECONDS)

    def _serve(self, connection: socket.socket) -> None:
        try:
            head = read_head(connection)
            if head:
                connection.settimeout(REQUEST_SECONDS)
                _Handler(connection, head, self)
        except OSError:
            pass  # whoever it was has gone, or was too slow
        except Exception as error:
            log.warn("probe not answered", error=f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                del self._connections[connection]
                connection.close()


class Probes(Door):
    serves = "metrics and probes"
    setting = "metrics"

    def __init__(self, address: str, metrics: Metrics, *, live: Checks, ready: Checks, start: Checks) -> None:
        super().__init__(address)
        self._metrics = metrics
        self._checks = {"/livez": live, "/readyz": ready, "/startz": start}

    def answer(self, path: str, query: str) -> Page:
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE, self._metrics.text()
        if path not in self._checks:
            known = ", ".join(["/metrics", *self._checks])
            return HTTPStatus.NOT_FOUND, PLAIN, f"there are {known}\n".encode()
        failed = [f"{name}: {why}\n" for name, why in failing(self._checks[path])]
        if failed:
            return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, "".join(failed).encode(errors="replace")
        return HTTPStatus.OK, PLAIN, b"ok\n"


def failing(checks: Checks) -> Iterator[tuple[str, str]]:
    """The names of those that fail, each with why."""
    for name, check in checks.items():
        try:
            why = check()
        except Exception as error:
            why = f"the check itself failed: {type(error).__name__}: {error}"
        if why:
            yield name, " ".join(why.split())


def _hang_up(connection: socket.socket) -> None:
    """Wake whoever reads or writes there."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def listen(
    family: socket.AddressFamily, place: str | tuple[str, int], *, serves: str, setting: str
) -> socket.socket:
    """A listening socket; a unix one is this user's only. Raises IOFailure."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if isinstance(place, str):
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
            _remove_stale(place)
            listener.bind(place)
            os.chmod(place, 0o600)  # nobody can connect before listen()
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        where = place if isinstance(place, str) else f"{place[0]} port {place[1]}"
        raise IOFailure(
            f"could not serve {serves} at {where}: {error.strerror or error}",
            hint=f"another agent may be running; or give '{setting}' another address",
        ) from error
    return listener


def _remove_stale(path: str) -> None:
    """Remove the socket that a killed agent left. One that somebody listens at is in the way of bind()."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.settimeout(REQUEST_SECONDS)
            knock.connect(path)
    except FileNotFoundError:
        pass
    except ConnectionRefusedError:
        os.unlink(path)


def read_head(connection: socket.socket) -> bytes:
    """The request as far as its empty line; b"" when it is too long, too slow or cut short."""
    end = time.monotonic() + REQUEST_SECONDS
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        left = end - time.monotonic()
        if left <= 0 or len(head) >= MOST_REQUEST_BYTES:
            return b""
        connection.settimeout(left)
        try:
            more = connection.recv(MOST_REQUEST_BYTES - len(head))
        except TimeoutError:
            return b""
        if not more:
            return b""
        head += more
    return head


class _Handler(BaseHTTPRequestHandler):
    """The standard library's reading of HTTP/1.0, over a request that is here already."""

    server_version = "multinet"
    sys_version = ""
    error_content_type = PLAIN
    error_message_format = "%(code)d %(message)s\n"

    def __init__(self, connection: socket.socket, head: bytes, door: Door) -> None:
        self._connection = connection
        self._door = door
        self.rfile = io.BytesIO(head)
        self.wfile = io.BytesIO()
        self.client_address = ("", 0)
        self.handle()
        connection.sendall(self.wfile.getvalue())

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        host = self.headers.get("Host")
        if host is None or self._door.welcomes(host):
            status, content_type, body = self._door.answer(path, query)
        else:
            told = f"{self._door.serves} is not called {host}: ask for localhost\n"
            status, content_type, body = HTTPStatus.MISDIRECTED_REQUEST, PLAIN, told.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def end_headers(self) -> None:
        for name, value in self._door.headers().items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """A probe a second is not worth a line."""
