"""The answer to a watch: one JSON object a line, as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from multinet.kube.answers import decode, no_answer
from multinet.kube.errors import ApiUnavailable
from multinet.kube.paths import Target

CHUNK = 64 << 10
LONGEST_LINE = 64 << 20
"""Bytes of one object of a watch. etcd holds 1.5 MiB by default; this only stops what is no API server."""


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
                    yield decode(line, self._target)
            if len(rest) > LONGEST_LINE:
                raise ApiUnavailable(
                    f"the API server {self._server} sent an endless line to {self._target}", status=200
                )

    def _chunks(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream(CHUNK)
        except (HTTPError, OSError) as error:
            raise no_answer(self._target, self._server, error) from error

    def cut(self) -> None:
        """From another thread: whoever waits for the next object has waited enough."""
        try:
            self._response.shutdown()
        except (ValueError, OSError, RuntimeError):
            return  # it has ended by itself
