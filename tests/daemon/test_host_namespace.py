"""What is kept open between the calls that one thread serves."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from threading import Thread

import pytest

from multinet.daemon.caller import Caller
from multinet.daemon.frame import Call
from multinet.daemon.server import Served
from multinet.daemon.service import host_of
from multinet.deadline import Deadline
from multinet.errors import InvalidNetns


def served(fd: int, connection: socket.socket) -> Served:
    deadline = Deadline.never()
    return Served(
        call=Call(name="multinet", stdin=b"", env={}),
        fds=(fd,),
        pid=0,
        waited=0.0,
        caller=Caller(connection, deadline),
        deadline=deadline,
    )


def test_a_caller_that_hands_over_no_namespace_spoils_nothing_for_the_next(tmp_path: Path):
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(tmp_path, os.O_RDONLY)
    seen: list[bool] = []

    def work() -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            first = host_of(served(own, connection))
            with pytest.raises(InvalidNetns):
                host_of(served(other, connection))
            again = host_of(served(own, connection))
            seen.append(again is first and again.fd >= 0)
            again.close()

    thread = Thread(target=work)
    thread.start()
    thread.join(10)
    os.close(own)
    os.close(other)
    assert seen == [True]
