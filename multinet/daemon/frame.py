"""The wire between the shim and the agent: frames over one unix stream socket, one connection a call.

A frame is a header of eight bytes and a body. Numbers are unsigned and in network order:

    magic "mn" (2)   version 1 (1)   kind (1)   length of the body (4)

The shim sends one CALL; the agent sends any number of RUN, FIND and OPEN, one at a time, each answered by the
shim with DONE, FOUND or OPENED, and at last one ANSWER. Either side hangs up on anything else.

    kind        from   body
    CALL    C   shim   errno of opening CNI_NETNS, 0 for opened or not named (4); then texts: the name the
                       shim was called by, its stdin, and each environment variable as KEY=VALUE
    RUN     R   agent  milliseconds it may take (4), bytes it may print on stdout (4); then texts: the file's
                       plain name, its stdin, and each environment variable
    DONE    D   shim   what came of it (4), a number (4); then texts: stdout, stderr (its end), the file's path
    FIND    F   agent  texts: a file's plain name
    FOUND   f   shim   texts: the file's path, empty when there is none; then each folder looked in
    OPEN    O   agent  texts: a path of a network namespace
    OPENED  o   shim   errno, 0 for opened (4)
    ANSWER  A   agent  exit status (4); then texts: what goes to stdout, what goes to stderr

A text is its length (4) and its bytes. File descriptors travel with the first byte of their frame
(SCM_RIGHTS): with CALL the shim's own network namespace, then the container's where CNI_NETNS could be opened;
with OPENED the namespace.

The shim runs and finds only files of the folders it was configured with and of its CNI_PATH, by plain name: a
name with a slash, "." and ".." never leave it, and it never finds itself. It opens network namespaces and nothing
else (EINVAL, as setns says it). It knows nothing else of CNI but VERSION and an error's JSON.
When the agent is not there it tries again until its deadline, and so it does when the agent hangs up without
an answer: every verb may be said twice.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from multinet.errors import DecodingFailure

MAGIC: Final = b"mn"
VERSION: Final = 1
HEADER: Final = struct.Struct("!2sBBI")
NUMBER: Final = struct.Struct("!I")

MOST_CALL_BYTES: Final = 4 << 20
"""What one call may send: an environment and a configuration of a few hundred kilobytes at the very most."""
MOST_ASKED_BYTES: Final = 8 << 20
"""What the shim takes of the agent in one frame."""
MOST_DONE_BYTES: Final = 6 << 20
"""What a finished program may bring: its output (4 MiB) and the end of its stderr."""
MOST_STDERR_BYTES: Final = 64 << 10
"""How much of a program's stderr is kept, from its end."""
MOST_FDS: Final = 2


class Kind(IntEnum):
    CALL = ord("C")
    RUN = ord("R")
    DONE = ord("D")
    FIND = ord("F")
    FOUND = ord("f")
    OPEN = ord("O")
    OPENED = ord("o")
    ANSWER = ord("A")


class How(IntEnum):
    """What came of a program that was to be run, and what the number beside it means."""

    EXITED = 0
    """exit status"""
    SIGNALLED = 1
    """signal"""
    NOT_STARTED = 2
    """errno"""
    TOO_LATE = 3
    """It was killed at its deadline."""
    TOO_MUCH = 4
    """It was killed for what it printed."""


def pack(kind: Kind, *numbers: int, texts: Sequence[bytes] = ()) -> bytes:
    """One frame."""
    parts = [NUMBER.pack(number) for number in numbers]
    for text in texts:
        parts += NUMBER.pack(len(text)), text
    body = b"".join(parts)
    return HEADER.pack(MAGIC, VERSION, kind, len(body)) + body


def unpack_header(header: bytes, most: int) -> tuple[Kind, int]:
    """Kind and length of what follows. Raises DecodingFailure."""
    magic, version, kind, length = HEADER.unpack(header)
    if magic != MAGIC:
        raise DecodingFailure(f"this is not the shim speaking: the frame begins with {magic!r}")
    if version != VERSION:
        raise DecodingFailure(
            f"the frame has version {version}, this agent reads {VERSION}",
            hint="install the shim and the agent of one release",
        )
    try:
        known = Kind(kind)
    except ValueError:
        raise DecodingFailure(f"unknown kind of frame: {bytes([kind])!r}") from None
    if length > most:
        raise DecodingFailure(f"the frame has {length} bytes, at most {most} are taken")
    return known, length


def numbers_of(body: bytes, count: int) -> tuple[tuple[int, ...], int]:
    """The ``count`` numbers at the front, and where the texts begin. Raises DecodingFailure."""
    end = count * NUMBER.size
    if len(body) < end:
        raise DecodingFailure(f"the frame is cut short: {len(body)} bytes where {end} were due")
    return struct.unpack_from(f"!{count}I", body), end


def texts_of(body: bytes, offset: int = 0) -> list[bytes]:
    """Every text from ``offset`` on. Raises DecodingFailure where a length does not fit."""
    texts = []
    while offset < len(body):
        if len(body) - offset < NUMBER.size:
            raise DecodingFailure("the frame is cut short in a length")
        (length,) = NUMBER.unpack_from(body, offset)
        offset += NUMBER.size
        if length > len(body) - offset:
            raise DecodingFailure(f"a text of {length} bytes is announced, {len(body) - offset} are left")
        texts.append(body[offset : offset + length])
        offset += length
    return texts


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A CALL, read. ``netns_errno`` says why CNI_NETNS could not be opened; 0 where it could, or was empty."""

    name: str
    stdin: bytes
    env: dict[str, str]
    netns_errno: int = 0

    def encode(self) -> bytes:
        variables = [os.fsencode(f"{key}={value}") for key, value in self.env.items()]
        texts = [os.fsencode(self.name), self.stdin, *variables]
        return pack(Kind.CALL, self.netns_errno, texts=texts)

    @classmethod
    def decode(cls, body: bytes) -> Call:
        (errno,), offset = numbers_of(body, 1)
        texts = texts_of(body, offset)
        if len(texts) < 2:
            raise DecodingFailure("the call lacks a name or stdin")
        env: dict[str, str] = {}
        for text in texts[2:]:
            key, _, value = os.fsdecode(text).partition("=")
            env.setdefault(key, value)  # of two the first counts, as it does for the shim's libc
        return cls(
            name=os.fsdecode(texts[0]),
            stdin=texts[1],
            env=env,
            netns_errno=errno,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A DONE, read."""

    how: How
    number: int
    stdout: bytes
    stderr: bytes
    path: str

    @classmethod
    def decode(cls, body: bytes) -> Done:
        (how, number), offset = numbers_of(body, 2)
        texts = texts_of(body, offset)
        if len(texts) != 3:
            raise DecodingFailure(f"a finished program comes with three texts, not {len(texts)}")
        try:
            known = How(how)
        except ValueError:
            raise DecodingFailure(f"unknown outcome of a program: {how}") from None
        return cls(how=known, number=number, stdout=texts[0], stderr=texts[1], path=os.fsdecode(texts[2]))


def pass_fds(connection: socket.socket, frame: bytes, fds: Sequence[int]) -> None:
    """Send a frame with file descriptors on its first byte. Raises OSError."""
    sent = socket.send_fds(connection, [frame], list(fds))
    if sent < len(frame):  # an empty one fails when the other side has heard enough and closed
        connection.sendall(memoryview(frame)[sent:])


def take_fds(connection: socket.socket, most: int) -> tuple[bytes, list[int]]:
    """What has come, at most ``most`` bytes of it, with its file descriptors. Raises OSError, also where some of
    these were lost: they were too many, or this process may not open any more.

    ``socket.recv_fds`` of some Pythons drops its flags, and the descriptors would be inherited by every program
    that is started.
    """
    data, ancillary, flags, _ = connection.recvmsg(
        most, socket.CMSG_SPACE(MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC
    )
    fds = array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if flags & socket.MSG_CTRUNC:
        for fd in fds:
            os.close(fd)
        raise OSError(errno.EMFILE, "not every file that was handed over could be taken")
    return data, list(fds)
