"""The answer to a watch: one JSON object a line, as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from multinet.kube.answers import decode, no_answer
from multinet.kube.errors import ApiUnavailable
from multinet.kube.http import Reply, Unanswered
from multinet.kube.paths import Target

LONGEST_LINE = 16 << 20
"""Bytes of one object. etcd takes 1.5 MiB by default, and administrators allow a few more; this stops what is no
API server."""


class TooLong(ApiUnavailable):
    """There is more in one line than is taken."""


class Stream:
    """The objects of a watch, one a line. Iterating raises ApiUnavailable when it is cut or falls silent."""

    def __init__(self, reply: Reply, target: Target, server: str, longest: int | None = None) -> None:
        """``longest``: bytes of a line that is still taken; None: LONGEST_LINE."""
        self._reply = reply
        self._target = target
        self._server = server
        self._longest = longest or LONGEST_LINE
        self.size = 0
        """Bytes of the last line."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rest = bytearray()
        for piece in self._pieces():
            searched, start = len(rest), 0  # a long line comes in many pieces, and none is looked at twice
            rest += piece
            while (end := rest.find(b"\n", max(searched, start))) >= 0:
                if line := bytes(rest[start:end]):
                    self.size = len(line)
                    yield decode(line, self._target)
                start = end + 1
            del rest[:start]
            if len(rest) > self._longest:
                raise TooLong(
                    f"the API server {self._server} sent an endless line to {self._target}", status=200
                )

    def _pieces(self) -> Iterator[bytes]:
        try:
            yield from self._reply.pieces()
        except Unanswered as error:
            raise no_answer(self._target, self._server, error) from error

    def nothing_came(self) -> bool:
        """Would the next object have to be waited for, as far as is known without reading?"""
        return not self._reply.readable()

    def cut(self) -> None:
        """From another thread: whoever waits for the next object has waited enough."""
        with suppress(OSError):  # it has ended by itself
            self._reply.cut()
