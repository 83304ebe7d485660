"""Filters that look at addresses and send packets to a class, or to another link (linux/pkt_cls.h: u32, mirred).

u32 compares words of four bytes, counted from where the network's header begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from socket import htons
from struct import Struct
from typing import Final, TypeAlias

from multinet.kernel import attributes
from multinet.kernel.attributes import NESTED, nested, raw, text, u32
from multinet.kernel.errors import reads
from multinet.kernel.links import Which, index_of, named
from multinet.kernel.qdiscs import TCA_KIND, TCA_OPTIONS, TCMSG
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message, Rtnl

RTM_NEWTFILTER, RTM_GETTFILTER = 44, 46
TCA_U32_CLASSID, TCA_U32_SEL, TCA_U32_ACT = 1, 5, 7
TCA_ACT_KIND, TCA_ACT_OPTIONS = 1, 2
TCA_MIRRED_PARMS = 2
FIRST_ACTION: Final = 1

TERMINAL: Final = 1
STOLEN: Final = 4
EGRESS_REDIRECT: Final = 1

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SOURCE, DESTINATION = "source", "destination"
OFFSETS: Final = {(4, SOURCE): 12, (4, DESTINATION): 16, (6, SOURCE): 8, (6, DESTINATION): 24}
"""Of the addresses in the headers (RFC 791, section 3.1; RFC 8200, section 3)."""

Network: TypeAlias = IPv4Network | IPv6Network
Key: TypeAlias = tuple[int, int, int]
"""Mask, value, offset."""
ANYTHING: Final[tuple[Key, ...]] = ((0, 0, 0),)

_SEL = Struct("=BBBxHHhHI")
_KEY = Struct(">II")
_KEY_PLACE = Struct("=ii")
_MIRRED = Struct("=IIiiiiI")
_U32 = Struct("=I")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Those with a smaller ``priority`` are asked first; all of one priority have one protocol."""

    priority: int
    protocol: int
    keys: tuple[Key, ...] = ANYTHING
    class_id: int
    redirect: int = 0
    """The index of the link that is to send it instead; 0 for none."""


def keys_of(network: Network, side: str) -> tuple[Key, ...]:
    """What a packet of the network has as its source or destination."""
    offset = OFFSETS[network.version, side]
    mask, value = network.netmask.packed, network.network_address.packed
    keys = []
    for start in range(0, len(mask), 4):
        word = int.from_bytes(mask[start : start + 4], "big")
        if word:
            keys.append((word, int.from_bytes(value[start : start + 4], "big"), offset + start))
    return tuple(keys) or ANYTHING


def add(link: Which, parent: int, one: Filter) -> Message:
    sel = _SEL.pack(TERMINAL, 0, len(one.keys), 0, 0, 0, 0, 0)
    sel += b"".join(_KEY.pack(mask, value) + _KEY_PLACE.pack(offset, 0) for mask, value, offset in one.keys)
    options = [raw(TCA_U32_SEL, sel), u32(TCA_U32_CLASSID, one.class_id)]
    if one.redirect:
        options.append(nested(TCA_U32_ACT, _redirect(one.redirect)))
    body = TCMSG.pack(0, index_of(link), 0, parent, one.priority << 16 | htons(one.protocol))
    body += text(TCA_KIND, "u32") + nested(TCA_OPTIONS, *options)
    doing = f"filter the packets of {named(link)}"
    return Message(doing=doing, type=RTM_NEWTFILTER, flags=F_CREATE | F_EXCL, body=body)


def _redirect(index: int) -> bytes:
    parms = _MIRRED.pack(0, 0, STOLEN, 0, 0, EGRESS_REDIRECT, index)
    options = nested(TCA_ACT_OPTIONS | NESTED, raw(TCA_MIRRED_PARMS, parms))
    return nested(FIRST_ACTION, text(TCA_ACT_KIND, "mirred"), options)


def dump(net: Rtnl, link: Which, parent: int) -> list[Filter]:
    """Those of kind u32 that compare something, in the order in which they are asked."""
    body = TCMSG.pack(0, index_of(link), 0, parent, 0)
    message = Message(doing=f"list the filters of {named(link)}", type=RTM_GETTFILTER, body=body)
    return [one for body in net.dump(message) if (one := decode(body)) is not None]


@reads("a filter")
def decode(body: bytes) -> Filter | None:
    """The body of an RTM_NEWTFILTER; None for a kind that we don't read and for u32's own tables."""
    _, _, _, _, info = TCMSG.unpack_from(body)
    found = attributes.parse(body, TCMSG.size)
    if found.get(TCA_KIND) != b"u32\0":
        return None
    options = attributes.parse(found.get(TCA_OPTIONS, b""))
    sel = options.get(TCA_U32_SEL)
    if sel is None:
        return None
    keys = []
    for number in range(_SEL.unpack_from(sel)[2]):
        start = _SEL.size + number * 16
        mask, value = _KEY.unpack_from(sel, start)
        keys.append((mask, value, _KEY_PLACE.unpack_from(sel, start + 8)[0]))
    return Filter(
        priority=info >> 16,
        protocol=htons(info & 0xFFFF),
        keys=tuple(keys),
        class_id=_U32.unpack(options[TCA_U32_CLASSID])[0] if TCA_U32_CLASSID in options else 0,
        redirect=_redirected(options.get(TCA_U32_ACT, b"")),
    )


def _redirected(actions: bytes) -> int:
    first = attributes.parse(attributes.parse(actions).get(FIRST_ACTION, b""))
    if first.get(TCA_ACT_KIND) != b"mirred\0":
        return 0
    parms = attributes.parse(first.get(TCA_ACT_OPTIONS, b"")).get(TCA_MIRRED_PARMS, bytes(_MIRRED.size))
    *_, direction, index = _MIRRED.unpack_from(parms)
    return int(index) if direction == EGRESS_REDIRECT else 0
