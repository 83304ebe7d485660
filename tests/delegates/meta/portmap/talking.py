"""Sockets that live in a namespace, used from the test's own thread."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress

from tests.support.netns import Netns
from tests.support.plugins import within

SECONDS = 10.0
"""More than any answer takes."""
SOON = 0.2
"""Enough for what would come, where nothing must come."""

ANY = {4: "0.0.0.0", 6: "::"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Sockets:
    """All are closed with ``stack``."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def new(self, where: Netns, kind: int, version: int = 4, protocol: int = 0) -> socket.socket:
        made = within(where, lambda: socket.socket(FAMILIES[version], kind, protocol))
        made.settimeout(SECONDS)
        if version == 6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return self._stack.enter_context(made)

    def tcp_server(self, where: Netns, port: int, version: int = 4) -> socket.socket:
        server = self.new(where, socket.SOCK_STREAM, version)
        server.bind((ANY[version], port))
        server.listen()
        return server

    def udp(self, where: Netns, port: int = 0, version: int = 4) -> socket.socket:
        made = self.new(where, socket.SOCK_DGRAM, version)
        made.bind((ANY[version], port))
        return made

    def who_comes(self, server: socket.socket, where: Netns, address: str, port: int) -> str:
        """Connect from ``where``, and see that it is this server who answers: the address it sees."""
        client = self.new(where, socket.SOCK_STREAM, 6 if ":" in address else 4)
        client.connect((address, port))
        connection, peer = server.accept()
        with connection:
            connection.sendall(b"here")
            assert client.recv(4) == b"here"
        return str(peer[0])

    def reached(self, where: Netns, address: str, port: int) -> bool:
        """Does anybody take a connection there?"""
        client = self.new(where, socket.SOCK_STREAM, 6 if ":" in address else 4)
        client.settimeout(SOON)
        try:
            client.connect((address, port))
        except OSError:
            return False
        return True


def echoes(client: socket.socket, server: socket.socket, address: str, port: int) -> bool:
    """Does a datagram get to the server, and its answer back? Of what was late before, nothing counts."""
    for one in (client, server):
        empty(one)
    client.sendto(b"there", (address, port))
    server.settimeout(SOON)
    client.settimeout(SOON)
    try:
        _, sender = server.recvfrom(100)
        server.sendto(b"back", sender)
        return client.recvfrom(100)[0] == b"back"
    except OSError:
        return False


def empty(one: socket.socket) -> None:
    one.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            one.recv(100)
