"""Nfnetlink, the wire to nf_tables (linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h).

    batch     = BEGIN [ generation ] *message END         one ``sendmsg``: all of it happens, or nothing
    message   = nlmsghdr nfgenmsg *attribute
    attribute = length kind value padding                 numbers in values are big-endian, unlike rtnetlink's

The kernel does its work inside ``sendmsg``; when that returns, every answer is in the socket's queue. So
nothing here ever waits for the kernel. Every commit of anybody in the namespace raises its generation number;
a batch that names the generation it was planned for is refused with ERESTART once that is outdated.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from multinet import steps
from multinet.errors import KernelError, TryAgain
from multinet.kernel.attributes import NESTED, nested, parse, raw
from multinet.kernel.errors import reads, translate
from multinet.kernel.namespace import Namespace

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
SO_SNDBUFFORCE = 32
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x4, 0x10
NLM_F_DUMP = 0x300
NLM_F_ACK_TLVS = 0x200
NLMSGERR_ATTR_MSG = 1

SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
BATCH_BEGIN, BATCH_END = 16, 17
BATCH_GENID = 1
MSG_GETGEN = 16
GEN_ID = 1

HEADER = struct.Struct("=IHHII")
GENMSG = struct.Struct(">BBH")
STATUS = struct.Struct("=i")

ANSWER_BYTES = 1 << 16  # a dump comes in parts of at most 32 KiB
LARGE_BATCH = 1 << 17  # more than this may not fit a socket's usual send buffer


PATIENCE_SECONDS = 10.0

T = TypeVar("T")


class Outdated(Exception):
    """The rules changed between reading and writing (or while being read): read them again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a batch, or one question. ``doing`` finishes the sentence "could not ..."."""

    kind: int
    family: int = 0
    flags: int = 0
    body: bytes = b""
    doing: str
    subsystem: int = SUBSYSTEM

    def pack(self, sequence: int, *, flags: int) -> bytes:
        length = HEADER.size + GENMSG.size + len(self.body)
        kind = self.subsystem << 8 | self.kind
        header = HEADER.pack(length, kind, NLM_F_REQUEST | self.flags | flags, sequence, 0)
        return header + GENMSG.pack(self.family, 0, 0) + self.body


def nest(kind: int, *parts: bytes) -> bytes:
    """Attributes in an attribute, marked as such: nf_tables insists on it."""
    return nested(kind | NESTED, *parts)


def number(kind: int, value: int) -> bytes:
    """Negative ones too: verdicts and priorities are."""
    return raw(kind, (value & 0xFFFFFFFF).to_bytes(4))


class Nfnetlink:
    """A socket for nf_tables, for life in the namespace it was opened in. Whoever opens it closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sequence = 0

    @classmethod
    def open(cls, namespace: Namespace) -> Self:
        try:
            return cls(namespace.visit(_new_socket))
        except OSError as error:
            raise translate(error.errno or 0, "open a netfilter socket") from error

    def close(self) -> None:
        """May wait for what was deleted lately, by anybody (see ``nfpool``)."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def commit(
        self, messages: Sequence[Message], *, doing: str, generation: int | None = None, dry_run: bool = False
    ) -> None:
        """Carry out all of ``messages``, or none and raise for the first that was refused.

        Raises Outdated if ``generation`` is not the present one any more. A dry run is all but the END: the
        kernel checks everything and then drops it.
        """
        if not dry_run:
            steps.step(doing)
        begin = self._sequence + 1
        self._sequence = last = begin + len(messages)
        batch = [_edge(BATCH_BEGIN, begin, generation)]
        for sequence, message in enumerate(messages, begin + 1):
            batch.append(message.pack(sequence, flags=NLM_F_ACK if sequence == last else 0))
        if not dry_run:
            self._sequence += 1
            batch.append(_edge(BATCH_END, self._sequence, None))
        self._send(b"".join(batch), doing)
        self._settle(messages, begin, last, doing)

    def _settle(self, messages: Sequence[Message], begin: int, last: int, doing: str) -> None:
        """Read what the kernel said to a batch: refusals in the batch's order, and the last message's ACK."""
        done = False
        while not done and (data := self._receive(doing)):
            for kind, flags, sequence, body in _messages(data):
                if kind != NLMSG_ERROR or not begin <= sequence <= last:
                    continue  # the late answer to an earlier batch
                code, text = _status(kind, flags, body)
                if code == errno.ERESTART:
                    raise Outdated
                if code:
                    words = messages[sequence - begin - 1].doing if sequence > begin else doing
                    raise translate(code, words, text)
                done = done or sequence == last
        if not done:
            raise KernelError(f"could not {doing}: the kernel gave no answer")

    def ask(self, message: Message) -> bytes:
        """The attributes of the one object that ``message`` asks for. Raises NotFound."""
        for body in self._answers(message, flags=0):
            return body
        raise KernelError(f"could not {message.doing}: the kernel gave no answer")

    def request(self, message: Message) -> None:
        """Have one thing done that is no part of a batch."""
        steps.step(message.doing)
        for _ in self._answers(message, flags=NLM_F_ACK):
            pass

    def dump(self, message: Message, *, containing: bytes = b"") -> list[bytes]:
        """The attributes of every object that ``message`` asks for, or only of those with ``containing`` in
        them: as they were at one time, though a long list comes in parts."""

        def attempt() -> list[bytes]:
            return [body for body in self._answers(message, flags=NLM_F_DUMP) if containing in body]

        return insist(attempt, doing=message.doing)

    @reads("the generation of the rules")
    def generation(self) -> int:
        """The number of the namespace's present rules, to be given to ``commit``."""
        question = Message(kind=MSG_GETGEN, doing="ask for the generation of the rules")
        return int.from_bytes(parse(self.ask(question))[GEN_ID])

    def _answers(self, message: Message, *, flags: int) -> Iterator[bytes]:
        """The attributes in each answer to one question.

        A dump is read to its end even when it has become useless: a socket begins none while one is under
        way.
        """
        self._sequence += 1
        asked = self._sequence
        interrupted = 0
        self._send(message.pack(asked, flags=flags), message.doing)
        while data := self._receive(message.doing):
            for kind, said, sequence, body in _messages(data):
                if sequence != asked:
                    continue
                interrupted |= said & NLM_F_DUMP_INTR
                if kind not in (NLMSG_ERROR, NLMSG_DONE):
                    yield body[GENMSG.size :]
                    continue
                code, text = _status(kind, said, body)
                if code:
                    raise translate(code, message.doing, text)
                if interrupted:
                    raise Outdated
                return
        raise KernelError(f"could not {message.doing}: the kernel gave no answer")

    def _send(self, data: bytes, doing: str) -> None:
        try:
            if len(data) > LARGE_BATCH:
                self._socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 2 * len(data))
            self._socket.send(data)
        except OSError as error:
            raise translate(error.errno or 0, doing) from error

    def _receive(self, doing: str) -> bytes:
        """The next datagram in the queue, nothing if there is none."""
        try:
            return self._socket.recv(ANSWER_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise translate(error.errno or 0, doing) from error


def insist(attempt: Callable[[], T], *, doing: str) -> T:
    """Try until it is not Outdated any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            return attempt()
        except Outdated:
            continue
    raise TryAgain(
        f"could not {doing}: the netfilter rules changed all the time for {PATIENCE_SECONDS:g} seconds",
        hint="see with `nft monitor` who changes them",
    )


def _new_socket() -> socket.socket:
    """Runs inside the namespace, and so does nothing else."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
    sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
    return sock


def _edge(kind: int, sequence: int, generation: int | None) -> bytes:
    """BEGIN or END of a batch: these carry the subsystem in their body instead of their kind."""
    body = GENMSG.pack(0, 0, SUBSYSTEM)
    if generation is not None:
        body += number(BATCH_GENID, generation)
    return HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST, sequence, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, sequence number and body of every message in a datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


@reads("what it refused")
def _status(kind: int, flags: int, body: bytes) -> tuple[int, str]:
    """The errno in an ERROR or DONE message, 0 for success, and what else the kernel says about it."""
    (code,) = STATUS.unpack_from(body)
    text = ""
    if flags & NLM_F_ACK_TLVS:
        start = STATUS.size + (HEADER.size if kind == NLMSG_ERROR else 0)
        text = parse(body, start).get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
    return -code, text
