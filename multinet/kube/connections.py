"""The connections to one API server: kept, encrypted, and made anew when the credentials change."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from multinet import __version__
from multinet.kube.access import Access
from multinet.kube.credentials import Credentials

KEPT = 40
"""The agent's workers (32 by default), its watches and its events; more than that are not kept."""

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A watch only listens: without these it would never learn that the other end is gone. 30 s, all in all.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


class Connections:
    """May be used by many threads. ``close()`` it; used afterwards, it opens new ones."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._credentials = Credentials(access)
        self._url = urlsplit(access.server)
        self._path = self._url.path.rstrip("/")
        self._lock = Lock()
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._pool_tls: object = None

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
        look: bool,
        whole: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """One try, whatever the status. Raises urllib3's errors, and ApiUnavailable without credentials.

        ``look``: the last try's token was not accepted. ``whole``: read all of the answer now.
        """
        all_headers = {"User-Agent": f"multinet/{__version__}", **headers}
        if authorization := self._credentials.authorization(look=look):
            all_headers["Authorization"] = authorization
        return self._current().urlopen(
            method,
            f"{self._path}{path}{'?' + urlencode(query) if query else ''}",
            body=body,
            headers=all_headers,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=whole,
        )

    def close(self) -> None:
        """Give up those that are not in use; the others are closed when they are done."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            self._pool = None

    def _current(self) -> urllib3.HTTPConnectionPool:
        """urllib3 hands out the connection that was used last: the others may end when they are not needed."""
        tls = self._credentials.tls() if self._url.scheme == "https" else None
        with self._lock:
            if self._pool is None or self._pool_tls is not tls:
                if self._pool is not None:
                    self._pool.close()
                self._pool, self._pool_tls = self._new(tls), tls
            return self._pool

    def _new(self, tls: object) -> urllib3.HTTPConnectionPool:
        host = self._url.hostname or ""
        options: dict[str, Any] = {"maxsize": KEPT, "socket_options": _SOCKET_OPTIONS}
        if tls is None:
            return urllib3.HTTPConnectionPool(host, self._url.port or 80, **options)
        if self._access.server_name:
            options["server_hostname"] = self._access.server_name
        return urllib3.HTTPSConnectionPool(host, self._url.port or 443, ssl_context=tls, **options)
