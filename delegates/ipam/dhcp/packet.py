"""A DHCP message, read and written (RFC 2131, section 2; options: RFC 2132, RFC 3396).

    0       op, htype, hlen, hops      28   chaddr  16
    4       xid                        44   sname   64
    8       secs, flags                108  file   128
    12      ciaddr yiaddr siaddr       236  99.130.83.99
    24      giaddr                     240  options: code, length, value; 0 pads, 255 ends

What comes is from anybody on that network: reading raises DecodingFailure and nothing else, and what is read is
never larger than what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from struct import Struct
from typing import Final

from multinet.errors import DecodingFailure

REQUEST: Final = 1
REPLY: Final = 2
ETHERNET: Final = 1
BROADCAST_FLAG: Final = 0x8000
COOKIE: Final = bytes((99, 130, 83, 99))
SMALLEST: Final = 300
"""Octets. RFC 951 has no shorter ones, and there are relays that drop them."""
LARGEST: Final = 1472
"""Octets that fit an Ethernet frame below IP and UDP; we tell servers that we take no more (option 57)."""
NOWHERE: Final = IPv4Address(0)

PAD, END = 0, 255
SUBNET_MASK, ROUTERS, DNS_SERVERS, HOST_NAME, DOMAIN_NAME, MTU, STATIC_ROUTES = 1, 3, 6, 12, 15, 26, 33
REQUESTED_ADDRESS, LEASE_SECONDS, OVERLOAD, MESSAGE_TYPE, SERVER, ASKED_FOR = 50, 51, 52, 53, 54, 55
MESSAGE, MOST_OCTETS, RENEWAL_SECONDS, REBINDING_SECONDS, VENDOR_CLASS, CLIENT_ID = 56, 57, 58, 59, 60, 61
USER_CLASS, CLASSLESS_ROUTES = 77, 121

_HEADER = Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_IN_FILE, _IN_SNAME = 1, 2


class Kind(IntEnum):
    """Option 53 (RFC 2132, section 9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Packet:
    op: int
    xid: int
    chaddr: bytes
    """At most 16 octets."""
    secs: int = 0
    broadcast: bool = False
    ciaddr: IPv4Address = NOWHERE
    yiaddr: IPv4Address = NOWHERE
    siaddr: IPv4Address = NOWHERE
    giaddr: IPv4Address = NOWHERE
    options: Mapping[int, bytes] = field(default_factory=dict)
    """Without 0 and 255; one that was cut into several is whole here."""

    @property
    def kind(self) -> int:
        """0 for a message of BOOTP, which has none."""
        value = self.options.get(MESSAGE_TYPE, b"")
        return value[0] if len(value) == 1 else 0

    @property
    def server(self) -> IPv4Address | None:
        value = self.options.get(SERVER, b"")
        return IPv4Address(value) if len(value) == 4 else None

    def encode(self) -> bytes:
        header = _HEADER.pack(
            self.op,
            ETHERNET,
            len(self.chaddr),
            0,
            self.xid,
            min(self.secs, 0xFFFF),
            BROADCAST_FLAG if self.broadcast else 0,
            self.ciaddr.packed,
            self.yiaddr.packed,
            self.siaddr.packed,
            self.giaddr.packed,
            self.chaddr,
            b"",
            b"",
            COOKIE,
        )
        return (header + encode_options(self.options) + bytes((END,))).ljust(SMALLEST, b"\0")


def encode_options(options: Mapping[int, bytes]) -> bytes:
    """In the order of their numbers; what is longer than 255 octets in parts (RFC 3396)."""
    data = bytearray()
    for code, value in sorted(options.items()):
        for start in range(0, len(value) or 1, 255):
            part = value[start : start + 255]
            data += bytes((code, len(part))) + part
    return bytes(data)


def decode(data: bytes) -> Packet:
    """Raises DecodingFailure."""
    if len(data) < _HEADER.size:
        raise DecodingFailure(f"a DHCP message of {len(data)} octets, at least {_HEADER.size} are due")
    op, _, hlen, _, xid, secs, flags, ci, yi, si, gi, chaddr, sname, file, cookie = _HEADER.unpack_from(data)
    if cookie != COOKIE:
        raise DecodingFailure("a message of BOOTP or of something else: the magic cookie is missing")
    if op not in (REQUEST, REPLY) or hlen > 16:
        raise DecodingFailure(f"no DHCP message: op {op}, a hardware address of {hlen} octets")
    options = decode_options(data[_HEADER.size :])
    # Options may go on in the two fields that nobody boots from (RFC 2131, section 4.1).
    overload = options.pop(OVERLOAD, b"")[:1]
    if overload and overload[0] & _IN_FILE:
        _add(options, decode_options(file))
    if overload and overload[0] & _IN_SNAME:
        _add(options, decode_options(sname))
    return Packet(
        op=op,
        xid=xid,
        chaddr=chaddr[:hlen],
        secs=secs,
        broadcast=bool(flags & BROADCAST_FLAG),
        ciaddr=IPv4Address(ci),
        yiaddr=IPv4Address(yi),
        siaddr=IPv4Address(si),
        giaddr=IPv4Address(gi),
        options=options,
    )


def decode_options(data: bytes) -> dict[int, bytes]:
    """Up to the end mark, or to the end where a server left that out. Raises DecodingFailure."""
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data) and (code := data[place]) != END:
        place += 1
        if code == PAD:
            continue
        if place == len(data) or (end := place + 1 + data[place]) > len(data):
            raise DecodingFailure(f"option {code} of a DHCP message is cut off")
        _add(found, {code: data[place + 1 : end]})
        place = end
    return found


def _add(options: dict[int, bytes], more: Mapping[int, bytes]) -> None:
    for code, value in more.items():
        options[code] = options.get(code, b"") + value
