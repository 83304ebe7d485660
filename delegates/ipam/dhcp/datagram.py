"""IPv4 and UDP around a DHCP message (RFC 791, RFC 768): a packet socket is handed no less.

A client has no address yet, so the kernel can't do it.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import Struct
from typing import Final

from multinet.errors import DecodingFailure

SERVER_PORT: Final = 67
CLIENT_PORT: Final = 68
UDP: Final = 17
TTL: Final = 64

_IP = Struct("!BBHHHBBH4s4s")
_UDP = Struct("!HHHH")
_PSEUDO = Struct("!4s4sBBH")
_FRAGMENT = 0x3FFF
"""More fragments, or not the first."""


def wrap(payload: bytes, source: IPv4Address, target: IPv4Address) -> bytes:
    """From a client's port to a server's."""
    length = _UDP.size + len(payload)
    pseudo = _PSEUDO.pack(source.packed, target.packed, 0, UDP, length)
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, 0)
    total = checksum(pseudo + udp + payload) or 0xFFFF  # 0 would mean "none"
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, total)
    fields = (0x45, 0, _IP.size + length, 0, 0, TTL, UDP)
    header = _IP.pack(*fields, 0, source.packed, target.packed)
    return _IP.pack(*fields, checksum(header), source.packed, target.packed) + udp + payload


def unwrap(data: bytes) -> bytes:
    """What came for a client's port. Raises DecodingFailure.

    The checksum of UDP is not looked at: what another namespace of this machine sends has none yet.
    """
    if len(data) < _IP.size:
        raise DecodingFailure("less than an IP header")
    first, _, total, _, fragment, _, protocol, _, _, _ = _IP.unpack_from(data)
    header = (first & 15) * 4
    if first >> 4 != 4 or header < _IP.size or not header + _UDP.size <= total <= len(data):
        raise DecodingFailure("not a whole IPv4 packet")
    if protocol != UDP or fragment & _FRAGMENT:
        raise DecodingFailure("not UDP, or a fragment")
    _, port, length, _ = _UDP.unpack_from(data, header)
    if port != CLIENT_PORT or not _UDP.size <= length <= total - header:
        raise DecodingFailure("not a datagram for a DHCP client")
    return data[header + _UDP.size : header + length]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(
        int.from_bytes(data[place : place + 2].ljust(2, b"\0"), "big") for place in range(0, len(data), 2)
    )
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
