"""One caller of the agent's socket, and its call as it comes in."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Final

from multinet.daemon import frame
from multinet.daemon.caller import close_all
from multinet.daemon.frame import Call, Kind
from multinet.daemon.lanes import Job
from multinet.errors import IOFailure

FIRST_READ: Final = 16 << 10
"""Bytes that are read of a call at first: most have two or three thousand, and come in whole with that."""


@dataclass(eq=False, slots=True)
class Connection:
    """One caller, from accept to answer."""

    socket: socket.socket
    pid: int
    opened: float = field(default_factory=time.monotonic)
    data: bytearray = field(default_factory=bytearray)
    fds: list[int] = field(default_factory=list)
    length: int = -1
    call: Call | None = None
    job: Job[Connection] | None = None
    watched: bool = False
    """Is it known to the reader's epoll?"""

    def close(self) -> None:
        close_all(self.fds)
        self.fds.clear()
        self.socket.close()


def take_in(connection: Connection) -> bool:
    """Read what is there. True when the call is whole. Raises OSError, ConnectionError, DecodingFailure."""
    while True:
        wanted = connection.length - len(connection.data) if connection.length >= 0 else FIRST_READ
        try:
            part, fds = frame.take_fds(connection.socket, max(wanted, 1))
        except BlockingIOError:
            return False
        connection.fds += fds
        if len(connection.fds) > frame.MOST_FDS:
            raise IOFailure(f"a caller handed over more than {frame.MOST_FDS} files")
        if not part:
            raise ConnectionResetError("it hung up")
        connection.data += part
        if connection.length < 0 and len(connection.data) >= frame.HEADER.size:
            header = bytes(connection.data[: frame.HEADER.size])
            kind, connection.length = frame.unpack_header(header, frame.MOST_CALL_BYTES)
            if kind is not Kind.CALL:
                raise IOFailure(f"a caller began with {kind.name}")
            del connection.data[: frame.HEADER.size]
            if len(connection.data) > connection.length:
                raise IOFailure("a caller went on after its call, without being asked")
        if connection.length >= 0 and len(connection.data) == connection.length:
            connection.call = Call.decode(bytes(connection.data))
            connection.data.clear()
            if not connection.fds:
                raise IOFailure("a caller did not hand over its network namespace")
            return True
