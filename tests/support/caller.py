"""A shim in Python, for tests that must stop, hang up or misbehave at an exact point of the conversation."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from multinet.daemon import frame
from multinet.daemon.frame import Call, Kind


class Shim:
    """One connection to the agent's socket."""

    def __init__(self, path: Path, *, seconds: float = 10.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def call(
        self,
        verb: str,
        container: str = "",
        *,
        name: str = "multinet",
        stdin: bytes = b"{}",
        netns: str = "",
        fds: Sequence[int] = (),
        **env: str,
    ) -> Self:
        """Say it; this process's namespace is the host's when no ``fds`` are given."""
        variables = {"CNI_COMMAND": verb, **env}
        if container:
            variables |= {"CNI_CONTAINERID": container, "CNI_IFNAME": env.get("CNI_IFNAME", "eth0")}
        if netns:
            variables["CNI_NETNS"] = netns
        said = Call(name=name, stdin=stdin, env=variables).encode()
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            frame.pass_fds(self.socket, said, fds or [own])
        finally:
            os.close(own)
        return self

    def hear(self) -> tuple[Kind, bytes]:
        """The next frame. Raises ConnectionResetError when the agent hung up."""
        kind, length = frame.unpack_header(self._exactly(frame.HEADER.size), 1 << 24)
        return kind, self._exactly(length)

    def answer(self) -> tuple[int, bytes]:
        """Exit status and stdout."""
        kind, body = self.hear()
        assert kind is Kind.ANSWER, kind
        (code,), offset = frame.numbers_of(body, 1)
        stdout, _ = frame.texts_of(body, offset)
        return code, stdout

    def hang_up(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Hang up as a killed process does, with what it has not read."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionResetError("the agent hung up")
            data += part
        return data
