"""What the agent asks of the shim while it serves its call."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from multinet.daemon import frame
from multinet.daemon.caller import Caller, CallerGone
from multinet.daemon.frame import How, Kind
from multinet.deadline import Deadline
from multinet.errors import DecodingFailure, InvalidConfig, InvalidNetns, NetnsGone, PluginFailed, TryAgain
from tests.support.wait import at_most, until

ENV = {"CNI_COMMAND": "ADD", "ODD": os.fsdecode(b"\xff")}
Reply = Callable[[socket.socket, Kind, bytes], None]


class Pair:
    """The agent's end as a Caller, and a thread that is the shim at the other."""

    def __init__(self, reply: Reply, seconds: float) -> None:
        self.heard: list[tuple[Kind, bytes]] = []
        self._ours, self._shims = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._reply = reply
        self.caller = Caller(self._ours, Deadline(seconds))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._shims, suppress(ConnectionError):  # the agent closes without reading all
            while header := self._shims.recv(frame.HEADER.size, socket.MSG_WAITALL):
                kind, length = frame.unpack_header(header, 1 << 24)
                body = self._shims.recv(length, socket.MSG_WAITALL) if length else b""
                self.heard.append((kind, body))
                self._reply(self._shims, kind, body)

    def close(self) -> None:
        self._ours.close()
        self._thread.join(5)


@pytest.fixture
def talk() -> Iterator[Callable[..., Pair]]:
    made: list[Pair] = []

    def make(reply: Reply, seconds: float = 30.0) -> Pair:
        made.append(Pair(reply, seconds))
        return made[-1]

    yield make
    for pair in made:
        pair.close()


def says(*frames: bytes) -> Reply:
    def reply(shim: socket.socket, kind: Kind, body: bytes) -> None:
        for one in frames:
            shim.sendall(one)

    return reply


def done(how: How, number: int, stdout: bytes = b"", stderr: bytes = b"") -> bytes:
    return frame.pack(Kind.DONE, how, number, texts=[stdout, stderr, b"/opt/cni/bin/flannel"])


def hangs_up(shim: socket.socket, kind: Kind, body: bytes) -> None:
    shim.shutdown(socket.SHUT_RDWR)


def test_a_program_is_run_by_its_plain_name_with_just_that_environment(talk: Callable[..., Pair]):
    pair = talk(says(done(How.EXITED, 0, b'{"x": 1}', b"words")))
    got = pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"conf")
    assert (got.returncode, got.stdout, got.stderr) == (0, b'{"x": 1}', b"words")
    kind, body = pair.heard[0]
    (milliseconds, most), offset = frame.numbers_of(body, 2)
    assert kind is Kind.RUN
    assert (29_000 < milliseconds <= 30_000, most) == (True, 4 << 20)
    assert frame.texts_of(body, offset) == [b"flannel", b"conf", b"CNI_COMMAND=ADD", b"ODD=\xff"]


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            done(How.NOT_STARTED, errno.EACCES),
            PluginFailed,
            "could not start /opt/cni/bin/flannel: Permission denied",
        ),
        (
            done(How.TOO_LATE, 0),
            TryAgain,
            "flannel ADD did not end within 30 seconds and was stopped"
            " (look at what /opt/cni/bin/flannel waits for)",
        ),
        (
            done(How.TOO_MUCH, 0),
            PluginFailed,
            "flannel printed more than 4194304 bytes, which no result needs",
        ),
        (
            frame.pack(Kind.FOUND, texts=[b"x"]),
            DecodingFailure,
            "the shim answered FOUND where DONE was due",
        ),
        (
            frame.pack(Kind.DONE, 9, 0, texts=[b"", b"", b""]),
            DecodingFailure,
            "unknown outcome of a program: 9",
        ),
        (
            frame.HEADER.pack(b"mn", 1, Kind.DONE, frame.MOST_DONE_BYTES + 1),
            DecodingFailure,
            "the frame has 6291457 bytes, at most 6291456 are taken",
        ),
    ],
)
def test_what_can_come_of_a_program(
    talk: Callable[..., Pair], reply: bytes, kind: type[Exception], words: str
):
    pair = talk(says(reply))
    with pytest.raises(kind) as failure:
        pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"")
    assert str(failure.value) == words


def test_a_program_that_was_killed_says_so_as_one_run_here_would(talk: Callable[..., Pair]):
    pair = talk(says(done(How.SIGNALLED, 9)))
    got = pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"")
    assert (got.returncode, got.stderr) == (-9, b"\nended by SIGKILL")


def test_a_file_is_looked_for_on_the_host(talk: Callable[..., Pair]):
    pair = talk(says(frame.pack(Kind.FOUND, texts=[b"/opt/cni/bin/flannel", b"/opt/cni/bin"])))
    assert pair.caller.find("flannel", ("/ignored",)) == Path("/opt/cni/bin/flannel")


def test_a_file_that_is_not_there_is_told_with_where_the_shim_looked(talk: Callable[..., Pair]):
    pair = talk(says(frame.pack(Kind.FOUND, texts=[b"", b"/opt/cni/bin", b"/usr/libexec/cni"])))
    with pytest.raises(InvalidConfig) as failure:
        pair.caller.find("flanel", ())
    assert failure.value.message == ('failed to find plugin "flanel" in path [/opt/cni/bin /usr/libexec/cni]')


@pytest.mark.parametrize("name", ["", "..", "a/b", "/bin/sh"])
def test_what_is_no_plain_name_never_leaves(talk: Callable[..., Pair], name: str):
    pair = talk(hangs_up)
    with pytest.raises(InvalidConfig):
        pair.caller.find(name, ())
    assert pair.heard == []


def opened(path: str) -> Reply:
    def reply(shim: socket.socket, kind: Kind, body: bytes) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            frame.pass_fds(shim, frame.pack(Kind.OPENED, 0), [fd])
        finally:
            os.close(fd)

    return reply


def test_a_namespace_is_opened_on_the_host(talk: Callable[..., Pair]):
    pair = talk(opened("/proc/self/ns/net"))
    with pair.caller.open_netns("/run/netns/pod") as there:
        status = os.stat("/proc/self/ns/net")
        assert there.identity == (status.st_dev, status.st_ino)
        assert there.path == "/run/netns/pod"


def test_a_file_that_is_no_namespace_is_refused(talk: Callable[..., Pair]):
    pair = talk(opened("/etc/hostname"))
    with pytest.raises(InvalidNetns):
        pair.caller.open_netns("/etc/hostname")


def test_a_namespace_that_is_gone_is_told_apart(talk: Callable[..., Pair]):
    pair = talk(says(frame.pack(Kind.OPENED, errno.ENOENT)))
    with pytest.raises(NetnsGone) as failure:
        pair.caller.open_netns("/run/netns/pod")
    assert str(failure.value) == (
        'failed to open netns "/run/netns/pod": failed to Statfs "/run/netns/pod": no such file or directory'
    )


def test_a_shim_that_is_gone_is_not_asked_again(talk: Callable[..., Pair]):
    pair = talk(hangs_up)
    for _ in range(2):
        with pytest.raises(CallerGone) as failure:
            pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"")
    assert str(failure.value) == (
        "could not run flannel on the host: the shim that asked is gone (it hung up)"
        " (the runtime will ask again)"
    )
    assert not pair.caller.answer(0, b"x" * (1 << 20))


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(talk: Callable[..., Pair]):
    late = threading.Event()

    def reply(shim: socket.socket, kind: Kind, body: bytes) -> None:
        assert late.wait(5)
        shim.sendall(frame.pack(Kind.FOUND, texts=[b"/opt/cni/bin/late"]))

    pair = talk(reply, 0.05)
    with pytest.raises(CallerGone, match="it did not answer in time"):
        pair.caller.find("flannel", ())
    late.set()
    with pytest.raises(CallerGone, match="it did not answer in time"):
        pair.caller.find("bridge", ())


def test_nothing_is_run_when_the_request_is_over(talk: Callable[..., Pair]):
    pair = talk(hangs_up, 0.0)
    with pytest.raises(TryAgain) as failure:
        pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"")
    assert str(failure.value) == (
        "gave up before running flannel: the request has taken its 0 seconds (the runtime will try again)"
    )
    assert pair.heard == []


def test_what_was_made_is_taken_back_though_the_request_is_over(talk: Callable[..., Pair]):
    pair = talk(says(done(How.EXITED, 0)), 0.0)
    pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), {"CNI_COMMAND": "DEL"}, b"")
    [(kind, body)] = pair.heard
    assert (kind, frame.numbers_of(body, 1)[0]) == (Kind.RUN, (5000,))


def test_who_sends_a_byte_now_and_then_is_as_good_as_silent(talk: Callable[..., Pair]):
    over = threading.Event()

    def drips(shim: socket.socket, kind: Kind, body: bytes) -> None:
        for byte in frame.pack(Kind.FOUND, texts=[b"x" * 10_000]):
            if over.wait(0.05):
                return
            shim.sendall(bytes([byte]))

    pair = talk(drips, seconds=0.5)
    with at_most(10), pytest.raises(CallerGone, match=r"\(it did not answer in time\)"):
        pair.caller.find("flannel", ["/opt/cni/bin"])
    over.set()


@pytest.mark.parametrize("number", [4096, 2**32 - 1])
def test_a_number_that_no_error_has_is_told_as_it_is(talk: Callable[..., Pair], number: int):
    pair = talk(says(frame.pack(Kind.OPENED, number)))
    with pytest.raises(InvalidNetns, match=f": error {number}"):
        pair.caller.open_netns("/run/netns/a")
    pair = talk(says(done(How.NOT_STARTED, number)))
    with pytest.raises(PluginFailed, match=f"could not start /opt/cni/bin/flannel: error {number}"):
        pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"")


@pytest.mark.parametrize("kind", [Kind.FOUND, Kind.DONE])
def test_files_that_come_where_none_is_due_are_closed(talk: Callable[..., Pair], kind: Kind):
    def brings_a_file(shim: socket.socket, asked: Kind, body: bytes) -> None:
        answer = (
            done(How.EXITED, 0)
            if asked is Kind.RUN
            else frame.pack(Kind.FOUND, texts=[b"/opt/cni/bin/flannel"])
        )
        with open("/dev/null") as file:
            socket.send_fds(shim, [answer], [file.fileno()])

    pair = talk(brings_a_file)
    for _ in range(3):
        before = len(os.listdir("/proc/self/fd"))
        if kind is Kind.FOUND:
            pair.caller.find("flannel", ["/opt/cni/bin"])
        else:
            pair.caller.run("flannel", Path("/opt/cni/bin/flannel"), ENV, b"")
        # The thread that plays the shim closes its own copy when it gets to it.
        until(lambda most=before: len(os.listdir("/proc/self/fd")) <= most, what="the file to be closed")
