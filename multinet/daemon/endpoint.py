"""Where probes and metrics are served: a unix socket, or a port that only this node can reach.

The probe program starts for every probe of the kubelet, so nothing heavy is imported here.
"""

from __future__ import annotations

import socket

from multinet.errors import InvalidConfig

UNIX = "unix:"
DEFAULT = f"{UNIX}/run/multinet/probes.sock"

Endpoint = tuple[socket.AddressFamily, str | tuple[str, int]]
"""What ``socket`` wants: the family, and a path or host and port."""


def parse(address: str) -> Endpoint:
    """``unix:/path``, ``127.0.0.1:9097`` or ``[::1]:9097``. Raises InvalidConfig.

    Port 0 lets the kernel choose one.
    """
    scheme, colon, path = address.partition(":")
    if scheme == "unix" and colon:
        if not path.startswith("/") or "\0" in path:
            raise InvalidConfig(
                f"metrics can't be served at {address!r}: the socket's path is not absolute",
                hint=f"write it like {DEFAULT}",
            )
        return socket.AF_UNIX, path
    host, _, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    family = socket.AF_INET6 if bracketed else socket.AF_INET
    try:
        packed = socket.inet_pton(family, host[1:-1] if bracketed else host)
    except (OSError, ValueError):
        raise _bad(address) from None
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise _bad(address)
    if not (packed[0] == 127 if family is socket.AF_INET else packed == bytes(15) + b"\1"):
        raise InvalidConfig(
            f"metrics can't be served at {address!r}: others than this node would reach it",
            hint=f"use 127.0.0.1, [::1] or {DEFAULT}, and a proxy that asks who is reading in front of it",
        )
    return family, (host[1:-1] if bracketed else host, int(port))


def _bad(address: str) -> InvalidConfig:
    return InvalidConfig(
        f"metrics can't be served at {address!r}: that is no address",
        hint=f"write it like 127.0.0.1:9097, [::1]:9097 or {DEFAULT}",
    )
