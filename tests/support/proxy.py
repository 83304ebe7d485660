"""A TCP proxy on loopback whose connections can be cut, or left standing with nothing coming through."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from multinet.kernel.namespace import Namespace


class Proxy:
    """From ``self.port`` to ``port``. New connections are forwarded as long as it is open. ``namespace``: the path of
    the network namespace whose loopback it listens on.
    """

    def __init__(self, port: int, *, namespace: str = "/proc/thread-self/ns/net") -> None:
        self._to = port
        self._namespace = namespace
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.open()

    def open(self) -> None:
        """Accept connections, at the same port each time."""
        with Namespace.open(self._namespace) as there:
            self._listener = there.visit(lambda: socket.create_server(("127.0.0.1", self.port)))
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, args=[self._listener], daemon=True)
        self._accepting.start()

    def refuse(self) -> None:
        """No new connections, and the old ones are cut."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._accepting.join()
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Close all connections there are."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def freeze(self) -> None:
        """Whatever is sent over the connections there are is lost. Neither end is told."""
        with self._lock:
            for pair in self._pairs:
                pair.frozen = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                pair = _Pair(near, socket.create_connection(("127.0.0.1", self._to)))
            except OSError:
                near.close()
                continue
            with self._lock:
                pair.start()
                self._pairs.append(pair)


class _Pair:
    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.frozen = False
        self._ends = (near, far)
        self._pumps = [
            threading.Thread(target=self._pump, args=ends, daemon=True) for ends in ((near, far), (far, near))
        ]

    def start(self) -> None:
        for pump in self._pumps:
            pump.start()

    def close(self) -> None:
        self._shut()
        for pump in self._pumps:
            pump.join()
        for end in self._ends:
            end.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if self.frozen:
                    return
                sink.sendall(data)
        except OSError:
            pass
        if not self.frozen:
            self._shut()

    def _shut(self) -> None:
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it is closed by its peer
