"""The agent's socket, from both sides: calls that no shim would send, answers that no shim would give, and who sends
half of either, or hands over files that are none of what was agreed on.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from multinet.daemon import frame
from multinet.daemon.caller import Caller
from multinet.daemon.frame import Call, Done, How, Kind
from multinet.daemon.server import Served, Server
from multinet.deadline import Deadline
from tests.daemon.serving import LIMITS
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface, pure
from tests.support.wait import until

ENV = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c0ffee", "CNI_IFNAME": "eth0", "CNI_NETNS": "/run/netns/a"}
CALLS = [
    Call(name="multinet", stdin=b'{"cniVersion":"1.1.0"}', env=ENV).encode(),
    Call(name="host-local", stdin=b"", env={"CNI_COMMAND": "VERSION"}, netns_errno=2).encode(),
]
ANSWERS = {
    Kind.DONE: frame.pack(Kind.DONE, How.EXITED, 0, texts=[b"{}", b"words", b"/opt/cni/bin/x"]),
    Kind.FOUND: frame.pack(Kind.FOUND, texts=[b"/opt/cni/bin/x", b"/opt/cni/bin"]),
    Kind.OPENED: frame.pack(Kind.OPENED, 0),
}
MOST_BYTES_OF_FDS = 253
"""SCM_MAX_FD: more the kernel does not pass on."""


def _frame(dice: Random, said: bytes) -> bytes:
    match dice.randrange(6):
        case 0:
            return said[: dice.randrange(len(said) + 1)]
        case 1:
            most = frame.MOST_CALL_BYTES
            length = dice.choice((0, 1, len(said), 2**31, 2**32 - 1, most, most + 1))
            return said[:4] + struct.pack("!I", length) + said[8:]
        case 2:
            return said + said
        case 3:
            body = damage.data(dice, said[8:])
            return said[:4] + struct.pack("!I", len(body)) + body
    return damage.data(dice, said)


def _read(said: bytes) -> None:
    """Whatever it is: a call, read and written, is the same call."""
    kind, length = frame.unpack_header(said[:8].ljust(8, b"\0"), frame.MOST_CALL_BYTES)
    body = said[8 : 8 + length]
    if kind is Kind.DONE:
        Done.decode(body)
        return
    found = Call.decode(body)
    assert Call.decode(found.encode()[8:]) == found


@dataclass(frozen=True, slots=True)
class Said:
    """Parts of a conversation, each with the number of files that come with it; then it hangs up or not."""

    parts: tuple[tuple[bytes, int], ...]
    hangs_up: bool


def _said(dice: Random, said: bytes) -> Said:
    cut = sorted(dice.randrange(len(said) + 1) for _ in range(dice.choice((0, 0, 1, 3))))
    pieces = [said[start:end] for start, end in zip([0, *cut], [*cut, len(said)], strict=True)]
    many = dice.choice((1, 1, 2, 2, 0, 3, 50, MOST_BYTES_OF_FDS))
    return Said(
        tuple(
            (piece, many if place == 0 or dice.random() < 0.1 else 0) for place, piece in enumerate(pieces)
        ),
        dice.random() < 0.8,
    )


def _call(dice: Random) -> Said:
    said = dice.choice(CALLS)
    return _said(dice, said if dice.random() < 0.3 else _frame(dice, said))


class Odds:
    """Open files of all kinds, to be handed over in the place of namespaces."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        file = stack.enter_context((folder / "file").open("w+b"))
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        stack.enter_context(theirs)
        pipe = os.pipe()
        for fd in pipe:
            stack.callback(os.close, fd)
        opened = [
            os.open(path, os.O_RDONLY)
            for path in ("/proc/self/ns/net", "/proc/self/ns/mnt", "/", "/dev/null")
        ]
        for fd in opened:
            stack.callback(os.close, fd)
        self.fds = [*opened, file.fileno(), ours.fileno(), *pipe]

    def some(self, number: int) -> list[int]:
        return [self.fds[place % len(self.fds)] for place in range(number)]


def _send(to: socket.socket, said: Said, odds: Odds) -> None:
    with suppress(OSError):  # it has heard enough
        for piece, files in said.parts:
            if files:
                socket.send_fds(to, [piece or b"x"], odds.some(files))
            elif piece:
                to.sendall(piece)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def _server(folder: Path) -> Iterator[Feed]:
    """A server that hears all of it, and goes on to serve who behaves; no file stays open."""

    def serve(served: Served) -> tuple[int, bytes]:
        for fd in served.fds:
            os.fstat(fd)
        return 0, served.call.stdin

    with ExitStack() as stack:
        odds = Odds(stack, folder)
        server = Server(folder / "agent.sock", LIMITS, serve)
        server.start()
        stack.callback(server.stop, 1.0)
        good = Said(((CALLS[0], 1),), False)

        def connected() -> socket.socket:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.settimeout(10)
            made.connect(str(folder / "agent.sock"))
            return made

        def feed(said: Said) -> None:
            with connected() as one:
                _send(one, said, odds)
                if said.hangs_up:
                    one.shutdown(socket.SHUT_RDWR)
                with connected() as other:
                    _send(other, good, odds)
                    header = other.recv(8, socket.MSG_WAITALL)
                    assert header[:4] == b"mn\x01A", header
            until(lambda: _open_files() <= before, what="files to be closed")

        with connected() as one:  # from now on, all that it opens once is open
            _send(one, good, odds)
            one.recv(8, socket.MSG_WAITALL)
        before = _open_files()
        yield feed


def _answer(dice: Random) -> tuple[Kind, Said]:
    kind = dice.choice(list(ANSWERS))
    said = ANSWERS[kind] if dice.random() < 0.5 else ANSWERS[dice.choice(list(ANSWERS))]
    return kind, _said(dice, said if dice.random() < 0.3 else _frame(dice, said))


@contextmanager
def _caller(folder: Path) -> Iterator[Feed]:
    """The agent asks, and the shim says that. The files that came with it are closed again."""
    with ExitStack() as stack:
        odds = Odds(stack, folder)

        def feed(told: tuple[Kind, Said]) -> None:
            kind, said = told
            before = _open_files()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with ours, theirs:
                _send(theirs, said, odds)
                theirs.shutdown(socket.SHUT_WR)
                try:
                    _ask(Caller(ours, Deadline(5.0)), kind)
                finally:
                    now = _open_files()
                    assert now == before + 2, f"{now - before - 2} files were left open"

        yield feed


def _ask(caller: Caller, kind: Kind) -> None:
    match kind:
        case Kind.DONE:
            caller.run("x", Path("/opt/cni/bin/x"), ENV, b"{}")
        case Kind.FOUND:
            caller.find("x", ["/opt/cni/bin"])
        case _:
            caller.open_netns("/run/netns/a").close()


SURFACES = (
    Surface(
        name="frames, as they are read",
        of="frames on the socket",
        make=lambda dice: _frame(dice, dice.choice([*CALLS, ANSWERS[Kind.DONE]])),
        open=pure(_read),
    ),
    Surface(name="the agent's socket", of="frames on the socket", make=_call, open=_server, short=150),
    Surface(
        name="what the shim answers the agent",
        of="frames on the socket",
        make=_answer,
        open=_caller,
        short=200,
    ),
)
