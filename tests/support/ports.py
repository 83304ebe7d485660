"""Where servers of tests listen."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()
