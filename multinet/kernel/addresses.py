"""IP addresses of links (linux/if_addr.h)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Interface, IPv6Interface
from struct import Struct
from typing import Self

from multinet.cni.types import CIDR
from multinet.errors import KernelError
from multinet.kernel import attributes, links
from multinet.kernel.attributes import raw
from multinet.kernel.errors import reads
from multinet.kernel.links import Which
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message, Rtnl
from multinet.waiting import waiting

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
F_NODAD, F_DADFAILED, F_TENTATIVE = 0x02, 0x08, 0x40
FAMILIES = {4: 2, 6: 10}  # AF_INET, AF_INET6
SCOPE_UNIVERSE, SCOPE_LINK, SCOPE_HOST = 0, 253, 254

SETTLE_PAUSE_SECONDS = 0.05

_IFADDRMSG = Struct("=BBBBI")
_ifaddr = _IFADDRMSG.pack


@dataclass(frozen=True, kw_only=True, slots=True)
class Addr:
    index: int
    """Of the link that has it."""
    address: CIDR
    scope: int
    flags: int

    @property
    def tentative(self) -> bool:
        """Not yet known to be nobody else's."""
        return bool(self.flags & F_TENTATIVE)

    @property
    def dad_failed(self) -> bool:
        """Somebody else has it."""
        return bool(self.flags & F_DADFAILED)

    @classmethod
    @reads("an address")
    def of(cls, body: bytes) -> Self:
        """Decode the body of an RTM_NEWADDR."""
        _, prefix, flags, scope, index = _IFADDRMSG.unpack_from(body)
        found = attributes.parse(body, 8)
        # On a point-to-point link ADDRESS is the other end; LOCAL is left out where the two are equal (IPv6).
        packed = found.get(IFA_LOCAL) or found[IFA_ADDRESS]
        if IFA_FLAGS in found:  # all 32 bits; the header has room for eight
            (flags,) = _U32.unpack_from(found[IFA_FLAGS])
        return cls(index=index, address=on_subnet(packed, prefix), scope=scope, flags=flags)


_U32 = Struct("=I")
_decoded = lru_cache(maxsize=256)(Addr.of)
"""A gateway's address is told in the same bytes on every ADD."""


@lru_cache(maxsize=256)
def on_subnet(packed: bytes, prefix: int) -> CIDR:
    """The address of these bytes. The few that are looked at on every ADD are the gateways'."""
    return IPv4Interface((packed, prefix)) if len(packed) == 4 else IPv6Interface((packed, prefix))


def add(link: Which, address: CIDR, *, nodad: bool = False) -> Message:
    """With a broadcast address where the subnet has one: prefixes shorter than /31 (RFC 3021)."""
    flags = F_NODAD if nodad else 0
    body = _body(link, address, flags)
    length = address.network.prefixlen
    if address.version == 4 and length < 31:
        body += raw(IFA_BROADCAST, (int(address) | (1 << 32 - length) - 1).to_bytes(4, "big"))
    doing = f"add {address!s} to {links.named(link)}"
    return Message(doing=doing, type=RTM_NEWADDR, flags=F_CREATE | F_EXCL, body=body)


def delete(link: Which, address: CIDR) -> Message:
    doing = f"delete {address} from {links.named(link)}"
    return Message(doing=doing, type=RTM_DELADDR, body=_body(link, address, 0))


def _body(link: Which, address: CIDR, flags: int) -> bytes:
    packed = address.packed
    header = _ifaddr(
        FAMILIES[address.version], address.network.prefixlen, flags, SCOPE_UNIVERSE, links.index_of(link)
    )
    return header + raw(IFA_LOCAL, packed) + raw(IFA_ADDRESS, packed)


def dump(net: Rtnl, index: int | None = None, family: int | None = None) -> list[Addr]:
    """The addresses of a link, or of all; of family 4 or 6, or of both."""
    number = FAMILIES[family] if family else 0
    message = Message(doing="list addresses", type=RTM_GETADDR, body=_ifaddr(number, 0, 0, 0, index or 0))
    found = [_decoded(body) for body in net.dump(message)]
    # A kernel without a family answers for all of them.
    return [addr for addr in found if family in (None, addr.address.version)]


def settle(net: Rtnl, index: int, timeout_seconds: float = 5.0) -> None:
    """Wait until none of the link's IPv6 addresses is tentative any more (duplicate address detection).

    A link that is not up can't find out: then there is nothing to wait for, and the deadline passes without
    an error. Raises KernelError for an address that somebody else has, or that takes too long.
    """
    if not _tentative(net, index):
        return
    deadline = time.monotonic() + timeout_seconds
    with waiting():
        while _tentative(net, index):
            if time.monotonic() > deadline:
                link = links.get_by_index(net, index)
                if link.operstate != links.OPER_UP:
                    return
                raise KernelError(
                    f"link {link.name} still has tentative addresses after {timeout_seconds:g} seconds"
                )
            time.sleep(SETTLE_PAUSE_SECONDS)


def _tentative(net: Rtnl, index: int) -> bool:
    """Is one of the link's IPv6 addresses still being tested? Raises KernelError for one that somebody has."""
    held = dump(net, index, 6)
    for addr in held:
        if addr.dad_failed:
            name = links.get_by_index(net, index).name
            raise KernelError(
                f"link {name} has address {addr.address.ip} in DADFAILED state",
                hint="somebody else on that network has this address",
            )
    return any(addr.tentative for addr in held)
