"""The socket's file: made for root only, in place of the one of an agent before us."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from multinet.errors import IOFailure

BACKLOG: Final = 4096
"""Connections that the kernel holds before we accept them (net.core.somaxconn may allow fewer)."""


def listen(path: Path) -> socket.socket:
    """A listening socket at ``path``, for root only; what was there before is replaced by renaming."""
    making = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        making.unlink(missing_ok=True)
        listener.bind(str(making))
        making.chmod(0o600)
        listener.listen(BACKLOG)
        making.rename(path)
    except OSError as error:
        listener.close()
        raise IOFailure(
            f"could not listen on {path}: {error.strerror or error}",
            hint="the setting 'agent.socket' names it",
        ) from error
    return listener
