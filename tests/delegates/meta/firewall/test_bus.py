"""What comes over a bus and is no message of D-Bus."""

from __future__ import annotations

import socket

import pytest

from delegates.meta.firewall.bus import Bus
from multinet.errors import IOFailure


@pytest.mark.parametrize(
    "said",
    [
        b"x" * 100,
        b"l\x02\x00\x01" + b"\x07\0\0\0" * 2 + b"\x08\0\0\0" + b"\x05\x01x\0" + bytes(100),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["letters", "half a message", "another protocol"],
)
def test_it_is_told_as_a_call_that_failed(said: bytes):
    near, far = socket.socketpair()
    with near, far:
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(
            IOFailure, match=r"^could not call org\.x\.call over D-Bus: what came is no message: "
        ):
            Bus(near).call("org.x", "/org/x", "org.x", "call")
