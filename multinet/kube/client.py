"""The Kubernetes API over HTTP: raw JSON in, raw JSON out, kept connections, retries inside a deadline.

It does not stand on the ``kubernetes`` package: importing it costs the agent of every node 18 MB, and typed
models a millisecond of CPU an object.

What is tried again: everything that can be asked twice (GET, PATCH of a fixed content, DELETE) after 5xx and
after broken connections; everything at all after 429 and where no connection came about, for then nothing was
done. Each try has a read timeout of its own, so that a server that is silently gone costs one of them and not
the whole deadline; after it every kept connection is given up, for the others lead to the same server.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from multinet.deadline import Deadline
from multinet.kube.access import Access
from multinet.kube.answers import decode, looks_like_an_object, no_answer, refusal, retry_after
from multinet.kube.backoff import Backoff, pause
from multinet.kube.connections import Connections
from multinet.kube.errors import TOO_MANY, ApiError, ApiUnavailable
from multinet.kube.http import Distrusted, Reply, Silent, Unanswered, Unreached
from multinet.kube.paths import Target
from multinet.kube.stream import Stream

__all__ = ["JSON", "JSON_PATCH", "MERGE_PATCH", "METADATA_ONLY", "Access", "Api", "Stream"]

JSON: Final = "application/json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""To accept where spec and status are of no interest: a pod's are nine tenths of it."""
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
"""A list of steps; a ``test`` among them that fails is answered 422, and nothing is changed."""

READ_SECONDS = 10.0
"""A try that is answered this late is not answered. The API server itself gives up a write after 34 s."""
LEAST_READ_SECONDS = 1.0
"""... and where less is left, half of the rest, so that a fresh connection has its chance, but not below."""

_encode = json.JSONEncoder(separators=(",", ":")).encode

Told = Callable[[str, str, int], None]
"""Told of each try: verb and resource as RBAC names them, and the HTTP status, 0 where no answer came."""


class Api:
    """May be used by many threads. ``close()`` it."""

    def __init__(self, access: Access, told: Told = lambda verb, resource, code: None) -> None:
        self._told = told
        self.server: Final = access.server
        self._connections = Connections(access)
        self._lock = Lock()
        self._requests: Counter[tuple[str, str]] = Counter()

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How many were sent so far, by verb and resource as RBAC names them; each try counts."""
        with self._lock:
            return self._requests.copy()

    def get(
        self, path: str, *, deadline: Deadline, query: Mapping[str, str] | None = None, accept: str = JSON
    ) -> dict[str, Any]:
        return self._ask("GET", path, deadline=deadline, query=query, accept=accept)

    def text(self, path: str, *, deadline: Deadline) -> str:
        """What is no object: a container's log."""
        return self._read("GET", path, deadline=deadline, accept="*/*").decode(errors="replace")

    def patch(
        self,
        path: str,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        deadline: Deadline,
        content_type: str = MERGE_PATCH,
        accept: str = JSON,
        unread: bool = False,
    ) -> dict[str, Any]:
        """``unread``: nobody wants to know what it is like now; {} is returned."""
        return self._ask(
            "PATCH",
            path,
            deadline=deadline,
            body=body,
            content_type=content_type,
            accept=accept,
            unread=unread,
        )

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        deadline: Deadline,
        named: bool = False,
        unread: bool = False,
    ) -> dict[str, Any]:
        """``named``: the object's name is ours, so that a second one is refused (ApiConflict) and not made.
        ``unread``: as ``patch`` has it.
        """
        return self._ask("POST", path, deadline=deadline, body=body, again=named, unread=unread)

    def delete(self, path: str, *, deadline: Deadline) -> dict[str, Any]:
        return self._ask("DELETE", path, deadline=deadline)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        accept: str = JSON,
        read_seconds: float,
        longest: int | None = None,
    ) -> Iterator[Stream]:
        """Watch, or list as one object. Silence of ``read_seconds`` raises ApiUnavailable, and a line of more than
        ``longest`` bytes TooLong. One try: who watches knows how to go on.
        """
        target = Target.of("GET", path, watch="watch" in query)
        for look in (False, True):
            try:
                reply = self._send(
                    target,
                    "GET",
                    path,
                    query=query,
                    headers={"Accept": accept},
                    silence=read_seconds,
                    look=look,
                    whole=False,
                )
            except Unanswered as error:
                raise self._failed(target, error) from error
            if reply.status != 401:
                break
            reply.close()
        try:
            if reply.status != 200:
                raise refusal(target, reply)
            yield Stream(reply, target, self.server, longest)
        finally:
            reply.close()

    def close(self) -> None:
        """Give up the kept connections."""
        self._connections.close()

    def _ask(self, method: str, path: str, *, unread: bool = False, **how: Any) -> dict[str, Any]:
        text = self._read(method, path, **how)
        if unread and looks_like_an_object(text):
            return {}
        return decode(text, Target.of(method, path))

    def _read(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        accept: str = JSON,
        content_type: str = JSON,
        again: bool = True,
    ) -> bytes:
        """``again``: may it be asked twice?"""
        target = Target.of(method, path)
        headers = {"Accept": accept}
        content = None
        if body is not None:
            headers["Content-Type"] = content_type
            content = _encode(body).encode()
        backoff = Backoff()
        look = False
        while True:
            deadline.check(f"asking the API server to {target}")
            wait = backoff.next()
            try:
                reply = self._send(
                    target,
                    method,
                    path,
                    query=query,
                    body=content,
                    headers=headers,
                    silence=_silence(deadline),
                    within=deadline.remaining(),
                    look=look,
                )
            except Unanswered as error:
                failure: ApiError = self._failed(target, error)
                failure.__cause__ = error
                worth_it = not isinstance(error, Distrusted) and (again or isinstance(error, Unreached))
            else:
                if reply.status < 300:
                    return reply.read()
                if reply.status == 401 and not look:
                    look = True  # the token may have been renewed within the last second
                    continue
                failure = refusal(target, reply)
                worth_it = isinstance(failure, ApiUnavailable) and (again or reply.status == TOO_MANY)
                wait = max(wait, retry_after(reply))
            if not worth_it or wait >= deadline.remaining():
                raise failure
            pause(wait, deadline)

    def _send(self, target: Target, method: str, path: str, **how: Any) -> Reply:
        """One try, counted."""
        with self._lock:
            self._requests[target.verb, target.resource] += 1
        status = 0
        try:
            reply = self._connections.send(method, path, **how)
            status = reply.status
            return reply
        finally:
            self._told(target.verb, target.resource, status)

    def _failed(self, target: Target, error: Unanswered) -> ApiUnavailable:
        if isinstance(error, Silent):
            self._connections.close()
        return no_answer(target, self.server, error)


def _silence(deadline: Deadline) -> float:
    """How long a try may wait for the server's next word."""
    left = deadline.remaining()
    return min(READ_SECONDS, max(left / 2, min(left, LEAST_READ_SECONDS)))
