"""The Kubernetes API over HTTP: raw JSON in, raw JSON out, kept connections, retries inside a deadline.

It stands on urllib3, the transport of the ``kubernetes`` package, and not on that package: importing it costs
the agent of every node 18 MB, and typed models a millisecond of CPU an object.

What is tried again: everything that can be asked twice (GET, PATCH of a fixed content, DELETE) after 5xx and
after broken connections; everything at all after 429 and where no connection came about, for then nothing was
done. Each try has a read timeout of its own, so that a server that is silently gone costs one of them and not
the whole deadline; after it every kept connection is given up, for the others lead to the same server.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from multinet import __version__
from multinet.deadline import Deadline
from multinet.kube.access import Access
from multinet.kube.backoff import Backoff, pause
from multinet.kube.credentials import Credentials
from multinet.kube.errors import TOO_MANY, ApiError, ApiUnavailable, of_status
from multinet.kube.paths import Target

__all__ = ["JSON", "MERGE_PATCH", "Access", "Api", "Stream"]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

KEPT_CONNECTIONS = 40
"""The agent's workers (32 by default), its watches and its events; more than that are not kept."""
CONNECT_SECONDS = 5.0
"""For TCP and TLS. A SYN that got lost is sent again after 1 and after 3 s."""
READ_SECONDS = 10.0
"""A try that is answered this late is not answered. The API server itself gives up a write after 34 s."""
LEAST_READ_SECONDS = 1.0
"""... and where less is left, half of the rest, so that a fresh connection has its chance, but not below."""
LONGEST_LINE = 64 << 20
"""Bytes of one object of a watch. etcd holds 1.5 MiB by default; this only stops what is no API server."""

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A watch only listens: without these it would never learn that the other end is gone. 30 s, all in all.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


class Stream:
    """The objects of a watch, one a line. Iterating raises ApiUnavailable when it is cut or falls silent."""

    def __init__(self, response: urllib3.BaseHTTPResponse, target: Target, server: str) -> None:
        self._response = response
        self._target = target
        self._server = server

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rest = b""
        for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line:
                    yield _decode(line, self._target)
            if len(rest) > LONGEST_LINE:
                raise ApiUnavailable(
                    f"the API server {self._server} sent an endless line to {self._target}", status=200
                )

    def _chunks(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream(64 << 10)
        except (HTTPError, OSError) as error:
            raise _no_answer(self._target, self._server, error) from error

    def cut(self) -> None:
        """From another thread: whoever waits for the next object has waited enough."""
        try:
            self._response.shutdown()
        except (ValueError, OSError, RuntimeError):
            return  # it has ended by itself


Told = Callable[[str, str, int], None]
"""Told of each try: verb and resource as RBAC names them, and the HTTP status, 0 where no answer came."""


class Api:
    """May be used by many threads. ``close()`` it."""

    def __init__(self, access: Access, told: Told = lambda verb, resource, code: None) -> None:
        self._access = access
        self._told = told
        self._credentials = Credentials(access)
        self._url = urlsplit(access.server)
        self._lock = Lock()
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._pool_tls: object = None
        self._requests: Counter[tuple[str, str]] = Counter()

    @property
    def server(self) -> str:
        return self._access.server

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How many were sent so far, by verb and resource as RBAC names them; each try counts."""
        with self._lock:
            return self._requests.copy()

    def get(
        self, path: str, *, deadline: Deadline, query: Mapping[str, str] | None = None, accept: str = JSON
    ) -> dict[str, Any]:
        return self._ask("GET", path, deadline=deadline, query=query, headers={"Accept": accept})

    def patch(
        self, path: str, body: Mapping[str, Any], *, deadline: Deadline, content_type: str = MERGE_PATCH
    ) -> dict[str, Any]:
        return self._ask("PATCH", path, deadline=deadline, body=body, headers={"Content-Type": content_type})

    def post(
        self, path: str, body: Mapping[str, Any], *, deadline: Deadline, named: bool = False
    ) -> dict[str, Any]:
        """``named``: the object's name is ours, so that a second one is refused (ApiConflict) and not made."""
        return self._ask("POST", path, deadline=deadline, body=body, again=named)

    def delete(self, path: str, *, deadline: Deadline) -> dict[str, Any]:
        return self._ask("DELETE", path, deadline=deadline)

    @contextmanager
    def stream(
        self, path: str, *, query: Mapping[str, str], accept: str = JSON, read_seconds: float
    ) -> Iterator[Stream]:
        """Watch, or list as one object. Silence of ``read_seconds`` raises ApiUnavailable. One try: who watches
        knows how to go on.
        """
        target = Target.of("GET", path, watch="watch" in query)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
        for look in (False, True):
            try:
                response = self._send(
                    target, "GET", path, query, None, {"Accept": accept}, timeout, look=look, whole=False
                )
            except HTTPError as error:
                raise self._failed(target, error) from error
            if response.status != 401:
                break
            response.close()
        try:
            if response.status != 200:
                raise _refusal(target, response)
            yield Stream(response, target, self.server)
        finally:
            response.close()

    def close(self) -> None:
        """Give up the kept connections."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            self._pool = None

    def _ask(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> dict[str, Any]:
        """``again``: may it be asked twice?"""
        target = Target.of(method, path)
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        backoff = Backoff()
        look = False
        while True:
            deadline.check(f"asking the API server to {target}")
            wait = backoff.next()
            try:
                timeout = _timeout(deadline)
                response = self._send(target, method, path, query, content, headers, timeout, look=look)
            except HTTPError as error:
                failure: ApiError = self._failed(target, error)
                failure.__cause__ = error
                worth_it = not _distrusted(error) and (again or _unsent(error))
            else:
                if response.status < 300:
                    return _decode(response.data, target)
                if response.status == 401 and not look:
                    look = True  # the token may have been renewed within the last second
                    continue
                failure = _refusal(target, response)
                worth_it = isinstance(failure, ApiUnavailable) and (again or response.status == TOO_MANY)
                wait = max(wait, _retry_after(response))
            if not worth_it or wait >= deadline.remaining():
                raise failure
            pause(wait, deadline)

    def _send(
        self,
        target: Target,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        timeout: urllib3.Timeout,
        *,
        look: bool = False,
        whole: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """One try. Raises urllib3's errors."""
        all_headers = {"User-Agent": f"multinet/{__version__}", "Accept": JSON, **(headers or {})}
        if content is not None:
            all_headers.setdefault("Content-Type", JSON)
        if authorization := self._credentials.authorization(look=look):
            all_headers["Authorization"] = authorization
        pool = self._connections()
        with self._lock:
            self._requests[target.verb, target.resource] += 1
        status = 0
        try:
            response = pool.urlopen(
                method,
                f"{self._url.path.rstrip('/')}{path}{'?' + urlencode(query) if query else ''}",
                body=content,
                headers=all_headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=whole,
            )
            status = response.status
            return response
        finally:
            self._told(target.verb, target.resource, status)

    def _connections(self) -> urllib3.HTTPConnectionPool:
        """urllib3 hands out the connection that was used last: the others may end when they are not needed."""
        secure = self._url.scheme == "https"
        tls = self._credentials.tls() if secure else None
        with self._lock:
            if self._pool is not None and self._pool_tls is tls:
                return self._pool
            if self._pool is not None:
                self._pool.close()
            options: dict[str, Any] = {"maxsize": KEPT_CONNECTIONS, "socket_options": _SOCKET_OPTIONS}
            host = self._url.hostname or ""
            if secure:
                options["ssl_context"] = tls
                if self._access.server_name:
                    options["server_hostname"] = self._access.server_name
                self._pool = urllib3.HTTPSConnectionPool(host, self._url.port or 443, **options)
            else:
                self._pool = urllib3.HTTPConnectionPool(host, self._url.port or 80, **options)
            self._pool_tls = tls
            return self._pool

    def _failed(self, target: Target, error: HTTPError) -> ApiUnavailable:
        if isinstance(error, ReadTimeoutError):
            self.close()
        return _no_answer(target, self.server, error)


def _timeout(deadline: Deadline) -> urllib3.Timeout:
    left = deadline.remaining()
    read = min(READ_SECONDS, max(left / 2, min(left, LEAST_READ_SECONDS)))
    return urllib3.Timeout(connect=min(CONNECT_SECONDS, read), read=read)


def _unsent(error: HTTPError) -> bool:
    return isinstance(error, NewConnectionError | ConnectTimeoutError)


def _distrusted(error: HTTPError) -> bool:
    """The server's certificate is not good, and will not be better in a moment."""
    return isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError)


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """The API server says whole seconds; a proxy's date is as good as nothing."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _refusal(target: Target, response: urllib3.BaseHTTPResponse) -> ApiError:
    status: Any = None
    with suppress(ValueError, HTTPError):  # a proxy's words, or none
        status = json.loads(response.data)
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"message": response.reason or ""}
    return of_status({**status, "code": response.status}, str(target))


def _no_answer(target: Target, server: str, error: Exception) -> ApiUnavailable:
    why = str(error)
    match error:
        case ReadTimeoutError():
            why = "it is silent"
        case NewConnectionError() if isinstance(error.__cause__, OSError):
            why = error.__cause__.strerror or str(error.__cause__)
        case ConnectTimeoutError():
            why = "no connection came about in time"
        case ProtocolError() if error.args and isinstance(error.args[-1], Exception):
            why = getattr(error.args[-1], "strerror", "") or str(error.args[-1])
        case SSLError():
            why = f"TLS: {error}"
    return ApiUnavailable(f"the API server {server} did not answer to {target}: {why}")


def _decode(text: bytes, target: Target) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ApiUnavailable(
            f"the API server's answer to {target} is not JSON: {error}", status=200
        ) from error
    if not isinstance(content, dict):
        raise ApiUnavailable(f"the API server's answer to {target} is not an object", status=200)
    return content
