"""The daemon's socket: who asks there is answered from the keeper. One thread for all who ask (``doors.There``)."""

from __future__ import annotations

import json
import os
import selectors
import socket
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Final

from delegates.ipam.dhcp.doors import MOST_BYTES, error_to_json
from delegates.ipam.dhcp.keeper import Keeper
from delegates.ipam.dhcp.lease import Key, Lease, Order
from delegates.ipam.dhcp.store import DAMAGED
from multinet import log
from multinet.errors import DecodingFailure, MultinetError
from multinet.kernel.namespace import Namespace

MOST_CONNECTIONS: Final = 512
"""Twice the pods of a full node. More wait for their connection."""
TO_THE_REFERENCE: Final = (
    b"HTTP/1.0 501 this is multinet's DHCP daemon, whose client is multinet's dhcp plugin\r\n\r\n"
)
"""What the reference's client reads as the reason of its failure."""


class Connection:
    """Somebody who asks once. The files that came with the question are closed with it."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.said = b""
        self.fds: list[int] = []
        self.wants: Key | None = None
        """The lease that is being acquired for it, and that nobody would use if it hung up."""

    def close(self) -> None:
        self.socket.close()
        while self.fds:
            os.close(self.fds.pop())


class Server:
    """Serves ``listener``, which it closes, until ``stop``."""

    def __init__(self, listener: socket.socket, keeper: Keeper) -> None:
        self._listener = listener
        self._keeper = keeper
        self._selector = selectors.DefaultSelector()
        self._answers: SimpleQueue[tuple[Connection, bytes]] = SimpleQueue()
        self._open: set[Connection] = set()
        self._stopping = Event()
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear, listener):
            end.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._selector.register(listener, selectors.EVENT_READ)

    def stop(self) -> None:
        """From any thread, or a signal's handler."""
        self._stopping.set()
        self._ring()

    def serve(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select():
                if key.fileobj is self._ear:
                    with suppress(BlockingIOError):
                        self._ear.recv(4096)
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._hear(key.data)
            self._send_answers()
        for connection in list(self._open):
            self._close(connection)
        for end in (self._bell, self._ear, self._listener):
            end.close()
        self._selector.close()

    def _ring(self) -> None:
        with suppress(OSError):
            self._bell.send(b"\0")

    def _accept(self) -> None:
        if len(self._open) >= MOST_CONNECTIONS:
            self._selector.unregister(self._listener)
            return
        with suppress(OSError):
            opened, _ = self._listener.accept()
            opened.setblocking(False)
            connection = Connection(opened)
            self._open.add(connection)
            self._selector.register(opened, selectors.EVENT_READ, connection)

    def _close(self, connection: Connection) -> None:
        if connection not in self._open:
            return
        full = len(self._open) >= MOST_CONNECTIONS
        self._open.discard(connection)
        self._selector.unregister(connection.socket)
        connection.close()
        if full and not self._stopping.is_set():
            with suppress(KeyError):  # it is listened to already
                self._selector.register(self._listener, selectors.EVENT_READ)

    def _hear(self, connection: Connection) -> None:
        try:
            part, fds, _, _ = socket.recv_fds(connection.socket, MOST_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            part, fds = b"", []
        connection.fds += fds
        connection.said += part
        if not part:  # it hung up
            if connection.wants is not None:
                self._keeper.release(connection.wants)
            self._close(connection)
        elif connection.wants is None and b"\n" in connection.said:
            self._begin(connection)
        elif len(connection.said) > MOST_BYTES:
            self._close(connection)

    def _begin(self, connection: Connection) -> None:
        line = connection.said.partition(b"\n")[0]
        if line.startswith((b"CONNECT ", b"GET ")):
            self._answer(connection, TO_THE_REFERENCE)
            return
        try:
            future = self._do(json.loads(line), connection)
        except MultinetError as error:
            self._answer(connection, _line({"error": error_to_json(error)}))
            return
        except DAMAGED as error:
            failure = DecodingFailure(f"the DHCP daemon was asked what it can't read: {error!r}")
            self._answer(connection, _line({"error": error_to_json(failure)}))
            return
        future.add_done_callback(lambda done: self._answer(connection, _line(_said(done))))

    def _do(self, asked: dict[str, Any], connection: Connection) -> Future[Any]:
        match asked["do"]:
            case "allocate":
                order = Order.of_json(asked["order"])
                with Namespace.of_fd(connection.fds[0], str(asked["netns"])) as namespace:
                    connection.wants = order.key
                    return self._keeper.allocate(order, namespace)
            case "find":
                return self._keeper.find(Key.of_json(asked["key"]))
            case "release":
                return self._keeper.release(Key.of_json(asked["key"]))
            case "keep only":
                valid = frozenset((str(container), str(ifname)) for container, ifname in asked["valid"])
                return self._keeper.keep_only(str(asked["network"]), valid)
            case "ping":
                return self._keeper.ping()
            case other:
                raise ValueError(f"there is no {other!r}")

    def _answer(self, connection: Connection, said: bytes) -> None:
        """From any thread."""
        self._answers.put((connection, said))
        self._ring()

    def _send_answers(self) -> None:
        with suppress(Empty):
            while True:
                connection, said = self._answers.get_nowait()
                if connection not in self._open:
                    continue
                try:
                    connection.socket.send(said)  # a line fits a socket's buffer
                except OSError as error:
                    log.info("an answer was not heard", error=str(error))
                self._close(connection)


def _said(done: Future[Any]) -> dict[str, Any]:
    if error := done.exception():
        return {"error": error_to_json(error)}
    found = done.result()
    return {"lease": found.to_json()} if isinstance(found, Lease) else {}


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"
