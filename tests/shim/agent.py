"""An agent in the test's own hand: a real socket, and every word said by the test."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from multinet.daemon import frame
from multinet.daemon.frame import HEADER, MOST_FDS, Call, Done, Kind, pack, texts_of, unpack_header

SECONDS = 30.0
"""More than anything here takes; a test that waits so long has failed."""


class Talk:
    """One connection of the shim's. ``call`` is what it said first, ``fds`` what came with it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        self.connection = connection
        self.fds: list[int] = []
        kind, body = self.receive()
        assert kind is Kind.CALL
        self.body = body
        self.call = Call.decode(body)

    def receive(self) -> tuple[Kind, bytes]:
        """A frame; the files that came with it are kept in ``fds``."""
        header = self._exactly(HEADER.size)
        kind, length = unpack_header(header, frame.MOST_DONE_BYTES)
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            came, fds, _, _ = socket.recv_fds(self.connection, length - len(data), MOST_FDS)
            self.fds += fds
            if not came:
                raise ConnectionError("the shim hung up")
            data += came
        return data

    def has_hung_up(self) -> bool:
        """Waits until the shim does."""
        return self.connection.recv(1) == b""

    def ask(self, kind: Kind, *numbers: int, texts: Sequence[bytes], wants: Kind) -> bytes:
        self.say(pack(kind, *numbers, texts=texts))
        came, body = self.receive()
        assert came is wants
        return body

    def run(
        self,
        name: str,
        *,
        stdin: bytes = b"",
        env: Sequence[bytes] = (),
        milliseconds: int = 20_000,
        most: int = 1 << 20,
    ) -> Done:
        texts = [os.fsencode(name), stdin, *env]
        return Done.decode(self.ask(Kind.RUN, milliseconds, most, texts=texts, wants=Kind.DONE))

    def find(self, name: str) -> tuple[str, list[str]]:
        path, *folders = texts_of(self.ask(Kind.FIND, texts=[os.fsencode(name)], wants=Kind.FOUND))
        return os.fsdecode(path), [os.fsdecode(folder) for folder in folders]

    def open(self, path: str) -> int:
        """The errno. What was opened is the last of ``fds``."""
        body = self.ask(Kind.OPEN, texts=[os.fsencode(path)], wants=Kind.OPENED)
        assert len(body) == 4
        return int.from_bytes(body, "big")

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int = 0, out: bytes = b"", err: bytes = b"") -> None:
        self.say(pack(Kind.ANSWER, status, texts=[out, err]))

    def hang_up(self) -> None:
        self.connection.close()

    def close(self) -> None:
        self.connection.close()
        for fd in self.fds:
            os.close(fd)


class Agent:
    """Listens, and accepts what comes."""

    def __init__(self, path: Path, *, backlog: int = 8) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(SECONDS)
        self.listener.bind(str(path))
        self.listener.listen(backlog)
        self.path = path
        self.talks: list[Talk] = []

    def accept(self) -> Talk:
        self.talks.append(Talk(self.listener.accept()[0]))
        return self.talks[-1]

    def refuse(self) -> None:
        """Hang up on the next call, unread."""
        self.listener.accept()[0].close()

    def close(self) -> None:
        self.listener.close()
        self.path.unlink(missing_ok=True)
        for talk in self.talks:
            talk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
