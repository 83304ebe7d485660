"""The connections to one API server: kept, encrypted, and made anew when the credentials change."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from math import inf
from threading import Lock
from urllib.parse import urlencode, urlsplit

from multinet import __version__
from multinet.kube.access import Access
from multinet.kube.credentials import Credentials
from multinet.kube.http import Connection, Reply
from multinet.waiting import waiting

KEPT = 40
"""The agent's workers (32 by default) and its events; more than that are not kept."""

CONNECT_SECONDS = 5.0
"""For TCP, and again for TLS. A SYN that got lost is sent again after 1 and after 3 s."""

_SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A watch only listens: without these it would never learn that the other end is gone. 30 s, all in all.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class Connections:
    """May be used by many threads. ``close()`` it; used afterwards, it opens new ones."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._credentials = Credentials(access)
        url = urlsplit(access.server)
        self._host = url.hostname or ""
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._encrypted = url.scheme == "https"
        self._path = url.path.rstrip("/")
        self._always = (
            f"Host: {url.netloc.rpartition('@')[2]}\r\n"
            f"User-Agent: multinet/{__version__}\r\n"
            "Accept-Encoding: identity\r\n"
        )
        self._lock = Lock()
        self._tls: ssl.SSLContext | None = None
        self._idle: list[Connection] = []
        """The one that was used last is used next: the others may end when they are not needed."""

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str],
        silence: float,
        look: bool,
        within: float = inf,
        whole: bool = True,
    ) -> Reply:
        """One try, whatever the status. Raises Unanswered, and ApiUnavailable without credentials.

        ``silence``: seconds; so is ``within``, for all of the answer. ``look``: the last try's token was not
        accepted. ``whole``: read all of the answer now; else the reply is to be closed, and its connection with it.
        """
        request = self._request(method, path, query, body, headers, look)
        tls = self._credentials.tls() if self._encrypted else None
        idle = self._current(tls)
        connection = self._kept(idle) or self._new(tls, min(CONNECT_SECONDS, silence))
        try:
            reply = connection.ask(request, silence, within)
            if whole:
                reply.read()
        except BaseException:
            connection.close()
            raise
        if whole:
            self._keep(connection, idle)
        return reply

    def close(self) -> None:
        """Give up those that are not in use; the others are closed when they are done."""
        with self._lock:
            self._give_up()

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str],
        look: bool,
    ) -> bytes:
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        if authorization := self._credentials.authorization(look=look):
            lines.append(f"Authorization: {authorization}\r\n")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}\r\n")
        target = f"{self._path}{path}{'?' + urlencode(query) if query else ''}"
        head = f"{method} {target} HTTP/1.1\r\n{self._always}{''.join(lines)}\r\n"
        return head.encode("ascii", "replace") + (body or b"")

    def _current(self, tls: ssl.SSLContext | None) -> list[Connection]:
        """Those that are kept, of these credentials only."""
        with self._lock:
            if self._tls is not tls:
                self._give_up()
                self._tls = tls
            return self._idle

    def _give_up(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _kept(self, idle: list[Connection]) -> Connection | None:
        """One that the server has not closed meanwhile."""
        while True:
            with self._lock:
                if not idle:
                    return None
                connection = idle.pop()
            if connection.stands():
                return connection
            connection.close()

    def _keep(self, connection: Connection, idle: list[Connection]) -> None:
        with self._lock:
            if connection.free and idle is self._idle and len(idle) < KEPT:
                idle.append(connection)
                return
        connection.close()

    def _new(self, tls: ssl.SSLContext | None, seconds: float) -> Connection:
        with waiting():
            made = Connection.to(self._host, self._port, seconds)
            made.set(_SOCKET_OPTIONS)
            return made if tls is None else made.encrypt(tls, self._access.server_name or self._host)
