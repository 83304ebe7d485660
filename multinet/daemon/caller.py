"""The shim at the other end of a connection, while its call is served.

It is the agent's hand on the host: it finds and runs executables there, and opens what a path means there.
One thread at a time speaks to it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from multinet.cni.request import Verb
from multinet.daemon import frame
from multinet.daemon.frame import Done, How, Kind
from multinet.deadline import Deadline
from multinet.delegate.executable import (
    OUTPUT_BYTES,
    TIMEOUT_SECONDS,
    could_not_start,
    not_found,
    require_plain_name,
    too_late,
    too_much,
)
from multinet.errors import DecodingFailure, IOFailure
from multinet.kernel.namespace import Namespace, could_not_open

LOOK_SECONDS: Final = 10.0
"""How long the shim may take to look for a file or to open one."""
MARGIN_SECONDS: Final = 10.0
"""What the shim gets beyond a program's own time, for killing it and for bringing what it printed."""
UNDO_SECONDS: Final = 5.0
"""What a DEL gets though the request's time is over: an ADD that came too late takes back what it made. The shim
waits a little longer than the request may take (``shim_conf``)."""
ANSWER_SECONDS: Final = 10.0
"""How long the shim may take to read its answer."""
CHUNK: Final = 1 << 20


class CallerGone(IOFailure):
    """The shim has ended or has been killed. The runtime will ask again."""


class Caller:
    """Implements ``delegate.executable.Runner``."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._lost: CallerGone | None = None

    def find(self, type_: str, path: Sequence[str]) -> Path:
        """The file as the shim sees it: it has folders of its own and CNI_PATH, and tells which."""
        require_plain_name(type_)
        body, _ = self._ask(
            frame.pack(Kind.FIND, texts=[os.fsencode(type_)]),
            Kind.FOUND,
            seconds=self._deadline.limit(LOOK_SECONDS),
            doing=f"look for the plugin {type_}",
        )
        texts = [os.fsdecode(text) for text in frame.texts_of(body)]
        if not texts or not texts[0]:
            raise not_found(type_, texts[1:])
        return Path(texts[0])

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        seconds = self._deadline.limit(TIMEOUT_SECONDS)
        if env["CNI_COMMAND"] == Verb.DEL:
            seconds = max(seconds, UNDO_SECONDS)
        else:
            self._deadline.check(f"running {type_}")
        variables = [os.fsencode(f"{key}={value}") for key, value in env.items()]
        asked = frame.pack(
            Kind.RUN,
            max(1, int(seconds * 1000)),
            OUTPUT_BYTES,
            texts=[os.fsencode(file.name), stdin, *variables],
        )
        body, _ = self._ask(asked, Kind.DONE, seconds=seconds + MARGIN_SECONDS, doing=f"run {type_}")
        done = Done.decode(body)
        if done.how is How.NOT_STARTED:
            raise could_not_start(file, done.number)
        if done.how is How.TOO_LATE:
            raise too_late(type_, env["CNI_COMMAND"], file, seconds)
        if done.how is How.TOO_MUCH:
            raise too_much(type_)
        status = done.number if done.how is How.EXITED else -done.number
        stderr = done.stderr
        if done.how is How.SIGNALLED:
            stderr += f"\nended by {_signal_name(done.number)}".encode()
        return subprocess.CompletedProcess([str(file)], status, done.stdout, stderr)

    def open_netns(self, path: str) -> Namespace:
        """The namespace at a path of the host. Raises NetnsGone, InvalidNetns."""
        body, fds = self._ask(
            frame.pack(Kind.OPEN, texts=[os.fsencode(path)]),
            Kind.OPENED,
            seconds=self._deadline.limit(LOOK_SECONDS),
            doing=f"open {path}",
        )
        try:
            (errno,), _ = frame.numbers_of(body, 1)
            if errno:
                raise could_not_open(path, errno)
            if not fds:
                raise DecodingFailure(f"the shim opened {path} and did not hand it over")
            return Namespace.of_fd(fds[0], path)
        finally:
            close_all(fds)

    def answer(self, exit_code: int, stdout: bytes) -> bool:
        """Give the answer; the call is over then. False when nobody is there to hear it."""
        said = frame.pack(Kind.ANSWER, exit_code, texts=[stdout, b""])
        with suppress(OSError):
            said = said[self._taken_at_once(said) :]
            if said:
                self._connection.settimeout(ANSWER_SECONDS)
                self._connection.sendall(said)
            return True
        return False

    def _taken_at_once(self, said: bytes) -> int:
        """How much of it fits into the connection as it is: nearly always all, and nobody has to be waited for.
        Raises OSError.
        """
        try:
            return self._connection.send(said, socket.MSG_DONTWAIT)
        except (BlockingIOError, TimeoutError):
            return 0

    def _ask(self, said: bytes, wanted: Kind, *, seconds: float, doing: str) -> tuple[bytes, list[int]]:
        """One question, one answer, and what came with it. The caller of this closes the files."""
        if self._lost is not None:
            raise self._lost  # what comes now may be the answer to an earlier question
        fds: list[int] = []
        until = time.monotonic() + seconds
        try:
            self._connection.settimeout(max(seconds, 0.001))
            self._connection.sendall(said)
            header, fds = receive(self._connection, frame.HEADER.size, until)
            kind, length = frame.unpack_header(header, frame.MOST_DONE_BYTES)
            if kind is not wanted:
                raise DecodingFailure(f"the shim answered {kind.name} where {wanted.name} was due")
            body, more = receive(self._connection, length, until)
            close_all(more)
            if wanted is not Kind.OPENED:  # with nothing else a file is due
                close_all(fds)
                fds = []
            return body, fds
        except OSError as error:
            close_all(fds)
            why = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or error
            self._lost = CallerGone(
                f"could not {doing} on the host: the shim that asked is gone ({why})",
                hint="the runtime will ask again",
            )
            raise self._lost from error
        except DecodingFailure as error:
            close_all(fds)
            self._lost = CallerGone(f"the shim can't be understood: {error.message}")
            raise


def receive(connection: socket.socket, size: int, until: float) -> tuple[bytes, list[int]]:
    """Exactly that many bytes, and the files that came with them, all of it before ``until``: who sends a byte now
    and then is as good as silent. Raises OSError, ConnectionError at the end.
    """
    data = bytearray()
    fds: list[int] = []
    while len(data) < size:
        try:
            connection.settimeout(max(until - time.monotonic(), 0.001))
            part, more = frame.take_fds(connection, min(size - len(data), CHUNK))
        except BaseException:
            close_all(fds)
            raise
        fds += more
        if not part:
            close_all(fds)
            raise ConnectionResetError("it hung up")
        data += part
    return bytes(data), fds


def close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
