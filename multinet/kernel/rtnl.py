"""One blocking rtnetlink socket, and the messages it carries (linux/netlink.h, linux/rtnetlink.h).

rtnetlink does the work inside ``send``: when that returns, every answer is in the socket's queue. Several
messages go in one ``sendmsg``; the kernel takes them in order, goes on after one that it refuses, and always
answers a refusal, so that only the last needs to ask for an acknowledgement. Answers are matched by sequence
number. A socket that fell out of step, or was left in the middle of an exchange, is closed and not used
again: its next answer could be that to an older question.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from multinet import steps
from multinet.errors import KernelError, TryAgain
from multinet.kernel import attributes
from multinet.kernel.errors import reads, translate

F_REQUEST, F_ACK, F_ECHO, F_DUMP_INTR = 0x001, 0x004, 0x008, 0x010
F_DUMP = 0x300
F_REPLACE, F_EXCL, F_CREATE, F_APPEND = 0x100, 0x200, 0x400, 0x800
F_CAPPED, F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
_EXTACK_TEXT = 1

_SOL_NETLINK = 270
_OPTIONS = (11, 10, 12)  # NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK
_TIMEOUT_SECONDS = 20
_TIMEOUT = Struct("@ll").pack(_TIMEOUT_SECONDS, 0)

_HEADER = Struct("=IHHII")
_ERRNO = Struct("=i")
_NO_ERROR = bytes(4)
_BUFFER = 65536  # the kernel makes datagrams of at most 32 KiB in dumps
_MOST_AT_ONCE = 64  # so that the refusals of a whole batch fit the receive buffer
_MOST_DUMPS = 10

_pack_header = _HEADER.pack
_unpack_header = _HEADER.unpack_from
_unpack_errno = _ERRNO.unpack_from


class Message(NamedTuple):
    """One request. (A tuple, since an ADD makes twenty, and it is made in half the time.)"""

    doing: str
    """What to say of it: "set mtu of eth1", for "could not set mtu of eth1: ..."."""
    type: int
    body: bytes
    """Everything after the netlink header."""
    flags: int = 0
    """Besides REQUEST and ACK, which the socket sees to."""

    @property
    def changes(self) -> bool:
        """RTM_NEW, DEL, GET and SET follow each other in every family; only GET changes nothing."""
        return self.type & 3 != 2


def new_socket() -> socket.socket:
    """A netlink socket of the calling thread's namespace; nothing else is done here (``Namespace.visit``)."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)


def prepared(new: socket.socket) -> socket.socket:
    """Set its options, which can be done from anywhere."""
    for option in _OPTIONS:
        new.setsockopt(_SOL_NETLINK, option, 1)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
    new.connect((0, 0))  # from now on nobody but the kernel gets a word in
    return new


class Rtnl:
    """A NETLINK_ROUTE socket. It belongs for life to the namespace it was opened in; one thread at a time."""

    __slots__ = ("_sequence", "_socket", "closed")

    def __init__(self, opened: socket.socket) -> None:
        """Take over a socket that is ready for use; ``Namespace.rtnl`` makes one."""
        self._socket = opened
        self._sequence = 0
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    def request(self, message: Message) -> bytes | None:
        """Do one thing. The answer's body where the message asks for one (a GET, or with ECHO), else None."""
        return self.batch((message,))[0]

    def batch(self, messages: Sequence[Message]) -> list[bytes | None]:
        """Do several things in order, and return their answers. Raises the first refusal.

        The kernel goes on after a refusal: what comes later in the batch may have been done.
        """
        if steps.heard():
            return self._one_by_one(messages)
        if len(messages) <= _MOST_AT_ONCE:
            return self._exchange(messages)
        answers: list[bytes | None] = []
        for start in range(0, len(messages), _MOST_AT_ONCE):
            answers += self._exchange(messages[start : start + _MOST_AT_ONCE])
        return answers

    def get(self, message: Message) -> bytes:
        """Ask for one thing; its body."""
        answer = self.request(message)
        if answer is None:
            raise KernelError(f"could not {message.doing}: the kernel gave no answer")
        return answer

    def dump(self, message: Message) -> list[bytes]:
        """Ask for all of a kind; their bodies. One that changed while it was read is read again."""
        for _ in range(_MOST_DUMPS):
            bodies, consistent = self._dump(message)
            if consistent:
                return bodies
        raise TryAgain(
            f"could not {message.doing}: it changed each of the {_MOST_DUMPS} times it was read",
            hint="try again when fewer pods come and go",
        )

    def _one_by_one(self, messages: Sequence[Message]) -> list[bytes | None]:
        answers: list[bytes | None] = []
        for message in messages:
            if message.changes:
                steps.step(message.doing)
            answers += self._exchange((message,))
        return answers

    def _exchange(self, messages: Sequence[Message]) -> list[bytes | None]:
        if not messages:
            return []
        first = self._sequence + 1
        last = self._sequence = self._sequence + len(messages)
        asks_back = messages[-1].changes
        data = b""
        for number, (_, kind, body, flags) in enumerate(messages, first):
            flags |= F_REQUEST | F_ACK if number == last and asks_back else F_REQUEST
            data += _pack_header(16 + len(body), kind, flags, number, 0) + body
        answers: list[bytes | None] = [None] * len(messages)
        refusal: tuple[int, int, str] | None = None
        try:
            self._send(data, messages[0])
            for kind, flags, number, body in self._answers(messages[0]):
                if not first <= number <= last:
                    raise _out_of_step(messages[0])
                if kind == NLMSG_ERROR:
                    if body[:4] != _NO_ERROR and refusal is None:
                        refusal = number - first, _code(body), extack(flags, body)
                else:
                    answers[number - first] = body
                if number == last and (kind == NLMSG_ERROR or not asks_back):
                    break
        except BaseException:
            self.close()
            raise
        if refusal is not None:
            place, code, said = refusal
            raise translate(code, messages[place].doing, said)
        return answers

    def _dump(self, message: Message) -> tuple[list[bytes], bool]:
        self._sequence += 1
        length = 16 + len(message.body)
        header = _pack_header(length, message.type, message.flags | F_REQUEST | F_DUMP, self._sequence, 0)
        bodies: list[bytes] = []
        consistent = True
        code, said = 0, ""
        try:
            self._send(header + message.body, message)
            for kind, flags, number, body in self._answers(message):
                if number != self._sequence:
                    raise _out_of_step(message)
                consistent = consistent and not flags & F_DUMP_INTR
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    if body[:4] not in (_NO_ERROR, b""):
                        code, said = _code(body), extack(flags, body, repeated=kind == NLMSG_ERROR)
                    break
                bodies.append(body)
        except BaseException:
            self.close()
            raise
        if code > 0:
            raise translate(code, message.doing, said)
        return bodies, consistent

    def _send(self, data: bytes, message: Message) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise translate(error.errno or 0, message.doing, "sending to the kernel") from error

    def _answers(self, message: Message) -> Iterator[tuple[int, int, int, bytes]]:
        """Type, flags, sequence number and body of each message that comes; the caller knows the last."""
        while True:
            try:
                data = self._socket.recv(_BUFFER)
            except BlockingIOError as error:
                waited = f"the kernel gave no answer in {_TIMEOUT_SECONDS} s"
                raise TryAgain(f"could not {message.doing}: {waited}") from error
            except OSError as error:
                raise translate(error.errno or 0, message.doing, "waiting for the kernel's answer") from error
            start, end = 0, len(data)
            while start + 16 <= end:
                length, kind, flags, number, _ = _unpack_header(data, start)
                if length < 16 or start + length > end:
                    raise _out_of_step(message)
                yield kind, flags, number, data[start + 16 : start + length]
                start += (length + 3) & ~3


def _out_of_step(message: Message) -> KernelError:
    return KernelError(f"could not {message.doing}: the kernel's answer is to another question")


@reads("what it refused")
def _code(body: bytes) -> int:
    """The errno in front of an ERROR or DONE."""
    code: int = -_unpack_errno(body)[0]
    return code


@reads("what it refused")
def extack(flags: int, body: bytes, *, repeated: bool = True) -> str:
    """The kernel's own words in an error message, or "". ``repeated``: is our own header (or, if not capped,
    our whole message) in front of them?
    """
    if not flags & F_ACK_TLVS:
        return ""
    start = 4
    if repeated:
        start += 16 if flags & F_CAPPED else (_unpack_header(body, 4)[0] + 3) & ~3
    return attributes.parse(body, start).get(_EXTACK_TEXT, b"").rstrip(b"\0").decode(errors="replace")
