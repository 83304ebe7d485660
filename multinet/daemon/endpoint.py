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


def parse(address: str, *, serves: str = "metrics") -> Endpoint:
    """``unix:/path``, ``127.0.0.1:9097`` or ``[::1]:9097``. Raises InvalidConfig.

    Port 0 lets the kernel choose one. ``serves``: what is to be served there, for people.
    """
    scheme, colon, path = address.partition(":")
    if scheme == "unix" and colon:
        if not path.startswith("/") or "\0" in path:
            raise InvalidConfig(
                f"{serves} can't be served at {address!r}: the socket's path is not absolute",
                hint=f"write it like {DEFAULT}",
            )
        return socket.AF_UNIX, path
    host, _, port = address.rpartition(":")
    try:
        family, bare, loopback = _read(host)
    except (OSError, ValueError):
        raise _bad(address, serves) from None
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise _bad(address, serves)
    if not loopback:
        raise InvalidConfig(
            f"{serves} can't be served at {address!r}: others than this node would reach it",
            hint=f"use 127.0.0.1, [::1] or {DEFAULT}, and a proxy that asks who is reading in front of it",
        )
    return family, (bare, int(port))


def names_loopback(host: str) -> bool:
    """Does a Host header, with or without a port, mean this node to whoever wrote it?"""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name = host
    try:
        return name.lower() == "localhost" or _read(name)[2]
    except (OSError, ValueError):
        return False


def _read(host: str) -> tuple[socket.AddressFamily, str, bool]:
    """Its family, the address without brackets, and whether only this node reaches it. Raises OSError, ValueError."""
    bracketed = host.startswith("[") and host.endswith("]")
    family = socket.AF_INET6 if bracketed else socket.AF_INET
    bare = host[1:-1] if bracketed else host
    packed = socket.inet_pton(family, bare)
    return family, bare, packed == bytes(15) + b"\1" if bracketed else packed[0] == 127


def _bad(address: str, serves: str) -> InvalidConfig:
    return InvalidConfig(
        f"{serves} can't be served at {address!r}: that is no address",
        hint=f"write it like 127.0.0.1:9097, [::1]:9097 or {DEFAULT}",
    )
