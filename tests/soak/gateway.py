"""HTTP in front of a real API server: it passes on, or does what an overloaded or restarting server does.

The agent is given this address in its kubeconfig. ``Proxy`` before it is for what happens below HTTP: nobody listens,
connections are cut.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.controlplane import AGENT, ControlPlane
from tests.support.proxy import Proxy

SLOW_SECONDS = 0.3
"""For each answer. An API server under load takes so long, and a watch's events come late, too."""
UPSTREAM_SECONDS = 3600.0
"""A watch may be silent for minutes; whoever waits is woken by ``cut``."""

HOP_BY_HOP = frozenset({"connection", "host", "transfer-encoding", "content-length", "keep-alive"})


class Mood(StrEnum):
    """What the API server is like."""

    FAIR = "fair"
    SLOW = "slow"
    GONE = "gone"
    MUTE = "mute"
    CONFLICT = "409"
    EXPIRED = "410"
    THROTTLING = "429"
    BROKEN = "500"


REFUSALS = {
    Mood.CONFLICT: (409, "Conflict", "the object has been modified; please apply your changes to it"),
    Mood.EXPIRED: (410, "Expired", "too old resource version"),
    Mood.THROTTLING: (429, "TooManyRequests", "too many requests, please try again later"),
    Mood.BROKEN: (500, "InternalError", "etcdserver: request timed out"),
}


class Gateway:
    """``port`` is where clients come in, on the loopback of the namespace at that path."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane = plane
        self.mood = Mood.FAIR
        self.refused = 0
        """Requests that were answered with an error of ours."""
        self.changed = threading.Condition()
        self.upstreams: set[socket.socket] = set()
        self.tls = ssl.create_default_context(cafile=str(plane.ca_file))
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.gateway = self
        self._serving = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._serving.start()
        self._proxy = Proxy(self._http.server_address[1], namespace=namespace)

    @property
    def port(self) -> int:
        return self._proxy.port

    def kubeconfig(self, file: Path) -> Path:
        """Write one of the agent's that leads here."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "u", "user": {"tokenFile": str(self.plane.token_file(AGENT))}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file.write_text(json.dumps(content))
        return file

    def be(self, mood: Mood) -> None:
        """From now on. Watches that were opened before are cut, since a server in that state cuts them as well."""
        was, self.mood = self.mood, mood
        with self.changed:
            self.changed.notify_all()
        if was is Mood.GONE:
            self._proxy.open()
        if mood is Mood.GONE:
            self._proxy.refuse()
        if mood is not Mood.SLOW:
            self.cut()

    def cut(self) -> None:
        """Close all connections there are."""
        for upstream in list(self.upstreams):
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
        self._proxy.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mood = Mood.FAIR
        with self.changed:
            self.changed.notify_all()
        self._proxy.refuse()
        self._http.shutdown()
        self._serving.join()
        self.cut()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    gateway: Gateway
    daemon_threads = False  # ``server_close`` waits for them, so that no socket outlives it
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is cut off is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPSConnection | None = None

    def finish(self) -> None:
        if self._upstream is not None:
            if self._upstream.sock is not None:
                self.server.gateway.upstreams.discard(self._upstream.sock)
            self._upstream.close()
        with suppress(OSError):
            super().finish()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        gateway = self.server.gateway
        mood = gateway.mood
        if mood is Mood.MUTE:
            with gateway.changed:
                gateway.changed.wait_for(lambda: gateway.mood is not Mood.MUTE)
            self.close_connection = True
            return
        if mood is Mood.SLOW:
            with gateway.changed:
                gateway.changed.wait_for(lambda: gateway.mood is not Mood.SLOW, timeout=SLOW_SECONDS)
        if self._is_refused(mood):
            self._refuse(mood)
        else:
            self._pass_on(body)

    def _is_refused(self, mood: Mood) -> bool:
        if mood is Mood.CONFLICT:
            return self.command != "GET"
        if mood is Mood.EXPIRED:
            return "watch=" in self.path
        return mood in REFUSALS

    def _refuse(self, mood: Mood) -> None:
        gateway = self.server.gateway
        gateway.refused += 1
        code, reason, message = REFUSALS[mood]
        said = json.dumps(
            {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}
        )
        self.send_response(code)
        if mood is Mood.THROTTLING:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    def _pass_on(self, body: bytes) -> None:
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
        upstream = self._connected()
        upstream.request(self.command, self.path, body=body or None, headers=headers)
        with upstream.getresponse() as reply:
            self.send_response(reply.status)
            for key, value in reply.headers.items():
                if key.lower() not in HOP_BY_HOP:
                    self.send_header(key, value)
            length = reply.headers.get("Content-Length")
            self.send_header(*(("Content-Length", length) if length else ("Transfer-Encoding", "chunked")))
            self.end_headers()
            while part := reply.read1(1 << 16):
                self.wfile.write(part if length else b"%x\r\n%s\r\n" % (len(part), part))
            if not length:
                self.wfile.write(b"0\r\n\r\n")

    def _connected(self) -> http.client.HTTPSConnection:
        if self._upstream is None:
            gateway = self.server.gateway
            self._upstream = http.client.HTTPSConnection(
                gateway.plane.address, gateway.plane.port, context=gateway.tls, timeout=UPSTREAM_SECONDS
            )
            self._upstream.connect()
            gateway.upstreams.add(self._upstream.sock)
        return self._upstream

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's stderr."""
