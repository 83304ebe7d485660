"""What the agent's socket opens and takes over: all that it may, and none of it stays."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue

import pytest

from multinet.daemon import frame, server
from tests.daemon.serving import Under
from tests.support.wait import until


@contextmanager
def no_more_files() -> Iterator[None]:
    """Nothing can be opened in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_a_free_file_calls_wait_and_the_reader_rests(
    serving: Callable[..., Under], monkeypatch: pytest.MonkeyPatch
):
    told: Queue[float] = Queue()
    monkeypatch.setattr(server.log, "warn", lambda *_, **__: told.put(time.monotonic()))
    under = serving()
    with under.shim() as shim:
        shim.hang_up()
    waits = socket.socket(socket.AF_UNIX)
    with no_more_files():
        waits.connect(str(under.path))
        first, second = told.get(timeout=5), told.get(timeout=5)
    waits.close()
    assert second - first > 0.9 * server.TICK_SECONDS
    with under.shim().call("ADD", "c1") as shim:
        assert shim.answer()[0] == 0


def test_files_that_could_not_be_taken_over_are_no_success(serving: Callable[..., Under]):
    """The caller is hung up on and comes again: with a part of its files, an ADD would be told that the container
    has no namespace."""
    under = serving()
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    said = frame.Call(name="multinet", stdin=b"{}", env={"CNI_COMMAND": "ADD"}).encode()
    with under.shim() as shim:
        shim.socket.sendall(said[:1])
        until(lambda: any(one.data for one in list(under.server._connections.values())))
        with no_more_files():
            frame.pass_fds(shim.socket, said[1:], [own, own])
            with pytest.raises(ConnectionResetError):
                shim.hear()
    os.close(own)


def test_a_caller_may_hand_over_two_files_and_no_more(serving: Callable[..., Under]):
    under = serving()
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    with under.shim() as shim:
        for byte in b"mn":
            frame.pass_fds(shim.socket, bytes([byte]), [own, own])
        with pytest.raises(ConnectionResetError):
            shim.hear()
    os.close(own)


def test_nothing_stays_open_after_many_calls(serving: Callable[..., Under]):
    under = serving()

    def ask(number: int) -> None:
        with under.shim().call("ADD", f"c{number}") as shim:
            assert shim.answer()[0] == 0

    def settled() -> int:
        until(lambda: under.server.running == 0)
        return len(os.listdir("/proc/self/fd"))

    ask(0)
    before = settled()
    for number in range(200):
        ask(number)
    until(lambda: settled() <= before)
