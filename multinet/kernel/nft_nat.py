"""Expressions of rules that translate addresses and ports, encoded as nft(8) encodes them, and read again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multinet.cni.types import IP
from multinet.kernel.attributes import parse, raw
from multinet.kernel.errors import reads
from multinet.kernel.nfnetlink import nest, number
from multinet.kernel.nft_expr import (
    BITWISE_DREG,
    BITWISE_LEN,
    BITWISE_MASK,
    BITWISE_SREG,
    BITWISE_XOR,
    CT_DREG,
    CT_KEY,
    DATA_VALUE,
    EQ,
    IMMEDIATE_DATA,
    IMMEDIATE_DREG,
    NEQ,
    NFPROTO,
    REGISTER,
    SOURCE,
    TRANSPORT_HEADER,
    Field,
    Meaning,
    compare,
    expression,
    load,
    meta,
    wanted_by,
)

META_L4PROTO = 16

FIB_DREG, FIB_RESULT, FIB_FLAGS = 1, 2, 3
FIB_ADDRTYPE = 3
FIB_DADDR = 1 << 1
RTN_LOCAL = 2

NAT_TYPE, NAT_FAMILY, NAT_ADDRESS, NAT_PORT, NAT_FLAGS = 1, 2, 3, 5, 7
NAT_DNAT = 1
NAT_PROTO_SPECIFIED = 1 << 1
PORT_REGISTER = 2

CT_DIRECTION = 3
CT_STATUS, CT_PROTO_DST = 2, 12
CT_ORIGINAL = 0
IPS_DST_NAT = 1 << 5

PROTOCOLS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
"""Those that have ports, at the same place."""

L4PROTO: Field = ("meta", META_L4PROTO, 0)
PORT: Field = ("payload", TRANSPORT_HEADER, 2)
DESTINATION: Mapping[int, Field] = {
    version: (kind, header, offset + (4 if version == 4 else 16))
    for version, (kind, header, offset) in SOURCE.items()
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """What a rule that translates destinations wants and gives. Addresses are packed; None: it does not say."""

    protocol: int | None
    address: bytes | None
    port: int | None
    to: bytes
    to_port: int


@reads("a netfilter rule")
def translation(rule: Sequence[Meaning], version: int) -> Translation | None:
    """None for a rule that translates no destination, or that says so in another way than nft's."""
    values = {
        _number(data[IMMEDIATE_DREG]): parse(data[IMMEDIATE_DATA]).get(DATA_VALUE, b"")
        for name, *rest in rule
        if name == "immediate" and isinstance(rest[0], tuple)
        for data in [dict(rest)]
    }
    for name, *rest in rule:
        data = dict(rest) if name == "nat" else {}
        if data and _number(data[NAT_TYPE]) == NAT_DNAT and {NAT_ADDRESS, NAT_PORT} <= data.keys():
            protocol = wanted_by(rule, L4PROTO)
            port = wanted_by(rule, PORT)
            return Translation(
                protocol=None if protocol is None else _number(protocol),
                address=wanted_by(rule, DESTINATION[version]),
                port=None if port is None else _number(port),
                to=values.get(_number(data[NAT_ADDRESS]), b""),
                to_port=_number(values.get(_number(data[NAT_PORT]), b"")),
            )
    return None


def to_this_host() -> bytes:
    """``fib daddr type local``"""
    found = expression(
        "fib",
        number(FIB_FLAGS, FIB_DADDR),
        number(FIB_RESULT, FIB_ADDRTYPE),
        number(FIB_DREG, REGISTER),
    )
    return found + compare(EQ, RTN_LOCAL.to_bytes(4, sys.byteorder))


def to_address(address: IP) -> bytes:
    """``ip daddr ADDRESS``"""
    return load(DESTINATION[address.version], len(address.packed)) + compare(EQ, address.packed)


def to_port(protocol: str, port: int) -> bytes:
    """``tcp dport PORT``"""
    wanted = meta(META_L4PROTO) + compare(EQ, bytes([PROTOCOLS[protocol]]))
    return wanted + load(PORT, 2) + compare(EQ, port.to_bytes(2))


def translated_from(port: int) -> bytes:
    """``ct status dnat ct original proto-dst PORT``"""
    mask = expression(
        "bitwise",
        number(BITWISE_SREG, REGISTER),
        number(BITWISE_DREG, REGISTER),
        number(BITWISE_LEN, 4),
        nest(BITWISE_MASK, raw(DATA_VALUE, IPS_DST_NAT.to_bytes(4, sys.byteorder))),
        nest(BITWISE_XOR, raw(DATA_VALUE, bytes(4))),
    )
    status = expression("ct", number(CT_KEY, CT_STATUS), number(CT_DREG, REGISTER))
    original = expression(
        "ct",
        number(CT_KEY, CT_PROTO_DST),
        number(CT_DREG, REGISTER),
        raw(CT_DIRECTION, bytes([CT_ORIGINAL])),
    )
    return status + mask + compare(NEQ, bytes(4)) + original + compare(EQ, port.to_bytes(2))


def dnat(address: IP, port: int) -> bytes:
    """``dnat to ADDRESS:PORT``"""
    return (
        _immediate(REGISTER, address.packed)
        + _immediate(PORT_REGISTER, port.to_bytes(2))
        + expression(
            "nat",
            number(NAT_TYPE, NAT_DNAT),
            number(NAT_FAMILY, NFPROTO[address.version]),
            number(NAT_ADDRESS, REGISTER),
            number(NAT_PORT, PORT_REGISTER),
            number(NAT_FLAGS, NAT_PROTO_SPECIFIED),
        )
    )


def _immediate(register: int, data: bytes) -> bytes:
    return expression(
        "immediate",
        number(IMMEDIATE_DREG, register),
        nest(IMMEDIATE_DATA, raw(DATA_VALUE, data)),
    )


def _number(value: bytes) -> int:
    return int.from_bytes(value)
