"""The expressions that rules are made of, encoded as nft(8) 1.0 encodes its own notation.

What can be said in several ways is said in nft's: ``ip daddr 10.1.2.0/24`` loads three bytes and compares
them, ``10.1.0.0/20`` loads four and masks them. So a rule of ours and the same rule typed into nft are equal
byte for byte, and tools that compare or list rules can't tell them apart.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import pairwise
from typing import Any, TypeAlias

from multinet.cni.types import IP
from multinet.kernel.attributes import each, parse, raw, text
from multinet.kernel.nfnetlink import nest, number

Net: TypeAlias = IPv4Network | IPv6Network

LIST_ELEM = 1
EXPR_NAME, EXPR_DATA = 1, 2
DATA_VALUE, DATA_VERDICT = 1, 2
VERDICT_CODE, VERDICT_CHAIN = 1, 2

META_DREG, META_KEY = 1, 2
META_IIFNAME, META_OIFNAME, META_NFPROTO = 6, 7, 15

PAYLOAD_DREG, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LEN = 1, 2, 3, 4
LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER = 0, 1, 2

CMP_SREG, CMP_OP, CMP_DATA = 1, 2, 3
EQ, NEQ = 0, 1

CT_DREG, CT_KEY = 1, 2
CT_STATE = 0
ESTABLISHED, RELATED = 2, 4

BITWISE_SREG, BITWISE_DREG, BITWISE_LEN, BITWISE_MASK, BITWISE_XOR = 1, 2, 3, 4, 5

IMMEDIATE_DREG, IMMEDIATE_DATA = 1, 2
VERDICT_REGISTER, REGISTER = 0, 1

NF_DROP, NF_ACCEPT = 0, 1
NFT_JUMP, NFT_GOTO, NFT_RETURN = -3, -4, -5

IFNAME_BYTES = 16
NFPROTO = {4: 2, 6: 10}

Field: TypeAlias = tuple[str, int, int]
"""A part of a packet: ("payload", header, offset) or ("meta", key, 0)."""

IIFNAME: Field = ("meta", META_IIFNAME, 0)
OIFNAME: Field = ("meta", META_OIFNAME, 0)
ETHER_SOURCE: Field = ("payload", LINK_HEADER, 6)
SOURCE: Mapping[int, Field] = {4: ("payload", NETWORK_HEADER, 12), 6: ("payload", NETWORK_HEADER, 8)}
"""By IP version. The destination address follows the source."""


Meaning: TypeAlias = tuple[Any, ...]
"""What an expression says, begun with its name: ("cmp", EQ, data), ("immediate", code, chain)."""


def meanings(expressions: bytes) -> tuple[Meaning, ...]:
    """Of a rule's expressions, ours or the kernel's: their encodings differ even where nothing else does."""
    return tuple(_meaning(parse(element)) for _, element in each(expressions))


def _meaning(element: Mapping[int, bytes]) -> Meaning:
    name = element[EXPR_NAME].rstrip(b"\0").decode()
    data = parse(element.get(EXPR_DATA, b""))
    match name:
        case "meta" | "ct" if META_DREG in data:  # both are numbered alike
            return name, _read(data[META_KEY]), 0
        case "payload" if PAYLOAD_DREG in data:
            return name, *map(_read, (data[PAYLOAD_BASE], data[PAYLOAD_OFFSET], data[PAYLOAD_LEN]))
        case "bitwise" if BITWISE_MASK in data:
            return name, parse(data[BITWISE_MASK])[DATA_VALUE], parse(data[BITWISE_XOR])[DATA_VALUE]
        case "cmp":
            return name, _read(data[CMP_OP]), parse(data[CMP_DATA])[DATA_VALUE]
        case "immediate" if DATA_VERDICT in (value := parse(data[IMMEDIATE_DATA])):
            verdict = parse(value[DATA_VERDICT])
            target = verdict.get(VERDICT_CHAIN, b"").rstrip(b"\0").decode()
            return name, _read(verdict[VERDICT_CODE]), target
    return name, *data.items()


def target_of(rule: Sequence[Meaning]) -> str:
    """The chain that it jumps or goes to, "" when it does neither."""
    return next((one[2] for one in rule if one[0] == "immediate" and len(one) == 3), "")


def wanted_by(rule: Sequence[Meaning], field: Field) -> bytes | None:
    """What it wants in that part of a packet, if it says so without a mask."""
    for load, compare in pairwise(rule):
        if load[:3] == field and compare[:2] == ("cmp", EQ):
            data: bytes = compare[2]
            return data
    return None


def protocol(version: int) -> bytes:
    """``meta nfproto ipv4``: in an inet table, what nft puts before the first match on an IP header."""
    return meta(META_NFPROTO) + compare(EQ, bytes([NFPROTO[version]]))


def from_interface(name: str) -> bytes:
    """``iifname NAME``"""
    return meta(META_IIFNAME) + compare(EQ, name.encode().ljust(IFNAME_BYTES, b"\0"))


def to_interface(name: str, *, op: int = EQ) -> bytes:
    """``oifname NAME``, or ``oifname != NAME``"""
    return meta(META_OIFNAME) + compare(op, name.encode().ljust(IFNAME_BYTES, b"\0"))


def tracked(states: int) -> bytes:
    """``ct state established,related``: one of these bits. The kernel keeps them in its own byte order."""
    load = expression("ct", number(CT_KEY, CT_STATE), number(CT_DREG, REGISTER))
    return load + mask(states.to_bytes(4, sys.byteorder)) + compare(NEQ, bytes(4))


def source(address: IP) -> bytes:
    """``ip saddr ADDRESS``"""
    return load(SOURCE[address.version], len(address.packed)) + compare(EQ, address.packed)


def destination(network: Net, *, op: int = EQ) -> bytes:
    """``ip daddr NETWORK``, or ``ip daddr != NETWORK``"""
    address = network.network_address.packed
    _, header, offset = SOURCE[network.version]
    field = ("payload", header, offset + len(address))
    whole, rest = divmod(network.prefixlen, 8)
    if whole and not rest:
        return load(field, whole) + compare(op, address[:whole])
    return load(field, len(address)) + mask(network.netmask.packed) + compare(op, address)


def ether_source(mac: str) -> bytes:
    """``ether saddr MAC``"""
    return load(ETHER_SOURCE, 6) + compare(EQ, bytes.fromhex(mac.replace(":", "")))


def jump(chain: str) -> bytes:
    return _verdict(NFT_JUMP, text(VERDICT_CHAIN, chain))


def goto(chain: str) -> bytes:
    return _verdict(NFT_GOTO, text(VERDICT_CHAIN, chain))


def _read(value: bytes) -> int:
    return int.from_bytes(value)


def _verdict(code: int, *target: bytes) -> bytes:
    verdict = nest(DATA_VERDICT, number(VERDICT_CODE, code), *target)
    return expression("immediate", number(IMMEDIATE_DREG, VERDICT_REGISTER), nest(IMMEDIATE_DATA, verdict))


def meta(key: int) -> bytes:
    return expression("meta", number(META_KEY, key), number(META_DREG, REGISTER))


def load(field: Field, length: int) -> bytes:
    _, header, offset = field
    return expression(
        "payload",
        number(PAYLOAD_DREG, REGISTER),
        number(PAYLOAD_BASE, header),
        number(PAYLOAD_OFFSET, offset),
        number(PAYLOAD_LEN, length),
    )


def mask(mask: bytes) -> bytes:
    return expression(
        "bitwise",
        number(BITWISE_SREG, REGISTER),
        number(BITWISE_DREG, REGISTER),
        number(BITWISE_LEN, len(mask)),
        nest(BITWISE_MASK, raw(DATA_VALUE, mask)),
        nest(BITWISE_XOR, raw(DATA_VALUE, bytes(len(mask)))),
    )


def compare(op: int, data: bytes) -> bytes:
    value = nest(CMP_DATA, raw(DATA_VALUE, data))
    return expression("cmp", number(CMP_SREG, REGISTER), number(CMP_OP, op), value)


def expression(name: str, *data: bytes) -> bytes:
    return nest(LIST_ELEM, text(EXPR_NAME, name), nest(EXPR_DATA, *data))


ACCEPT = _verdict(NF_ACCEPT)
DROP = _verdict(NF_DROP)
RETURN = _verdict(NFT_RETURN)
MASQUERADE = expression("masq")
