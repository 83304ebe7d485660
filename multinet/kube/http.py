"""HTTP/1.1, as much of it as asking an API server takes: a request is one write, its answer a read or two.

The agent asks for each pod, and what a general client does around a request (a mapping of headers that keeps
their order and case, the e-mail parser behind it, layers of response objects) costs more CPU than sending and
reading it over TLS: ``make bench`` counts both.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Iterator
from math import inf
from typing import Final

from multinet.waiting import waiting

PIECE = 16 << 10
"""Bytes a read. A record of TLS is not longer, and a read brings one at the most."""
LONGEST_HEAD = 64 << 10
"""Bytes. An API server's has one; this only stops what is none."""
LONGEST_BODY = 16 << 20
"""Bytes of an answer that is read whole: one object, of which etcd takes 1.5 MiB by default."""
WITHOUT_BODY = (204, 304)

_STATUS: Final = re.compile(r"[0-9]{3}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_SIZE: Final = re.compile(rb"[0-9a-fA-F]{1,16}")
"""Python reads numbers of any length, which take their time."""


class Unanswered(Exception):
    """No answer, or not all of it. Its text completes "did not answer: "."""


class Unreached(Unanswered):
    """No connection came about, so nothing can have been done."""


class Silent(Unanswered):
    """It was asked and says nothing."""


class Ended(Unanswered):
    """The connection was closed at the other end."""


class Distrusted(Unanswered):
    """The server's certificate is not good, and will not be better in a moment."""


class Connection:
    """One thread's at a time. ``free``: may it be asked something?"""

    def __init__(self, to: socket.socket) -> None:
        self._socket = to
        self._received = bytearray()
        self._readable = select.poll()
        self._readable.register(to, select.POLLIN)
        self.free = True
        self._until = inf

    @classmethod
    def to(cls, host: str, port: int, seconds: float) -> Connection:
        """Raises Unreached."""
        try:
            made = socket.create_connection((host, port), seconds)
        except TimeoutError as error:
            raise Unreached("no connection came about in time") from error
        except OSError as error:
            raise Unreached(error.strerror or str(error)) from error
        except UnicodeError as error:
            raise Unreached(f"no host can have the name {host!r}") from error
        return cls(made)

    def encrypt(self, tls: ssl.SSLContext, name: str) -> Connection:
        """The same, by TLS with whoever proves to be ``name``. Raises Unanswered, and is closed then."""
        try:
            name.encode("idna")  # wrap_socket() would do it when it is too late for closing the socket
            return Connection(tls.wrap_socket(self._socket, server_hostname=name))
        except OSError as error:
            self.close()
            raise _failure(error) from error
        except UnicodeError as error:
            self.close()
            raise Distrusted(f"TLS: no host can have the name {name!r}") from error

    def set(self, options: tuple[tuple[int, int, int], ...]) -> None:
        for level, name, value in options:
            self._socket.setsockopt(level, name, value)

    def stands(self) -> bool:
        """A server says nothing unasked: what there is to read, or an error, is the connection's end."""
        return self.free and not self._received and not self._readable.poll(0)

    def readable(self) -> bool:
        decrypted = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return bool(decrypted or self._readable.poll(0))

    def ask(self, request: bytes, seconds: float, within: float = inf) -> Reply:
        """Come back with the head of the answer. ``seconds`` of silence, now or later: raises Silent; and so does an
        answer that is not there as a whole ``within`` so many, be it that it comes byte by byte.
        """
        self.free = False
        self._until = time.monotonic() + within
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(request)
        except OSError as error:
            raise _failure(error) from error
        while True:
            reply = Reply(self, self.line(b"\r\n\r\n"))
            if reply.status >= 200:
                return reply

    def line(self, end: bytes = b"\r\n") -> bytes:
        """Up to the next ``end``, which is taken away with it."""
        while (at := self._received.find(end)) < 0:
            if len(self._received) > LONGEST_HEAD:
                raise Unanswered("it does not speak HTTP")
            self._receive()
        found = bytes(self._received[:at])
        del self._received[: at + len(end)]
        return found

    def piece(self, most: int = PIECE) -> bytes:
        """Some of what comes next."""
        if not self._received:
            self._receive()
        found = bytes(self._received[:most])
        del self._received[:most]
        return found

    def cut(self) -> None:
        """From another thread: who waits for more learns that it has ended."""
        # Not SSLSocket.shutdown(): that takes the encryption away from under who reads.
        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self.free = False
        self._socket.close()

    def _receive(self) -> None:
        if time.monotonic() > self._until:
            raise Silent("it takes too long")
        try:
            with waiting():
                more = self._socket.recv(PIECE)
        except OSError as error:
            raise _failure(error) from error
        if not more:
            raise Ended("it closed the connection")
        self._received += more


class Reply:
    """``status``, ``reason`` and ``headers`` (names in lower case), and a body that is still to be read."""

    def __init__(self, connection: Connection, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, self.reason = [*first.split(" ", 2), "", ""][:3]
        if not (version.startswith("HTTP/1.") and _STATUS.fullmatch(status)):
            raise Unanswered("it does not speak HTTP")
        self.status: Final = int(status)
        fields = (line.partition(":") for line in lines)
        self.headers: Final = {name.lower(): value.strip() for name, _, value in fields}
        self._connection = connection
        self._lasts = version == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"
        self._body: bytes | None = None

    def read(self) -> bytes:
        """The whole body. Raises Unanswered, too, where it is longer than any object."""
        if self._body is None:
            body = bytearray()
            for piece in self.pieces():
                body += piece
                if len(body) > LONGEST_BODY:
                    raise Unanswered(f"its answer has more than {LONGEST_BODY >> 20} MiB")
            self._body = bytes(body)
        return self._body

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes, once. After the last the connection is free, if it is to last."""
        length = self.headers.get("content-length", "")
        if self.status in WITHOUT_BODY:
            pass
        elif self.headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self._chunks()
        elif length:
            if not _LENGTH.fullmatch(length):
                raise Unanswered("it does not speak HTTP")
            yield from self._bytes(int(length))
        else:
            self._lasts = False
            yield from self._rest()
        self._connection.free = self._lasts

    def readable(self) -> bool:
        """Has anything come from the server that was not taken in yet?"""
        return self._connection.readable()

    def cut(self) -> None:
        self._connection.cut()

    def close(self) -> None:
        self._connection.close()

    def _bytes(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self._connection.piece(left)
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := self._size():
            yield from self._bytes(size)
            self._connection.line()
        while self._connection.line():
            """A field after the body."""

    def _size(self) -> int:
        text = self._connection.line().partition(b";")[0]
        if not _SIZE.fullmatch(text):
            raise Unanswered("it does not speak HTTP")
        return int(text, 16)

    def _rest(self) -> Iterator[bytes]:
        while True:
            try:
                yield self._connection.piece()
            except Ended:
                return


def _failure(error: OSError) -> Unanswered:
    match error:
        case TimeoutError():
            return Silent("it is silent")
        case ssl.SSLCertVerificationError():
            return Distrusted(f"TLS: {error}")
        case ssl.SSLError():
            return Unanswered(f"TLS: {error}")
    return Unanswered(error.strerror or str(error))
