"""What the options of an ACK say, as the result of an ADD (RFC 2132, RFC 3442).

A server's option that can't be read is as good as none, as for the reference; only the mask must be there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from delegates.ipam.dhcp import packet
from multinet.cni.types import DNS, Address, Result, Route
from multinet.errors import AddressError

FOREVER: Final = 0xFFFFFFFF
"""Seconds: a lease without an end (RFC 2131, section 3.3)."""
SCOPE_LINK: Final = 253
DEFAULT_ROUTE: Final = IPv4Interface("0.0.0.0/0")
SMALLEST_MTU: Final = 68

Options = Mapping[int, bytes]


def result(address: IPv4Address, options: Options, *, priority: int, requested: Collection[int]) -> Result:
    """``requested``: the options that the configuration asked for by number or name. Raises AddressError."""
    gateway = next(iter(addresses(options, packet.ROUTERS)), None)
    mtu = number(options, packet.MTU, 2) or 0 if packet.MTU in requested else 0
    return Result(
        ips=(Address(address=IPv4Interface((address, mask(options))), gateway=gateway),),
        routes=tuple(
            Route(dst=dst, gw=gw, scope=scope, priority=priority, mtu=mtu if mtu >= SMALLEST_MTU else 0)
            for dst, gw, scope in routes(options, gateway)
        ),
        dns=DNS(
            nameservers=tuple(map(str, addresses(options, packet.DNS_SERVERS)))
            if packet.DNS_SERVERS in requested
            else (),
            domain=text(options, packet.DOMAIN_NAME) if packet.DOMAIN_NAME in requested else "",
        ),
    )


def mask(options: Options) -> int:
    """The prefix length. Raises AddressError where there is none."""
    value = options.get(packet.SUBNET_MASK, b"")
    bits = f"{int.from_bytes(value, 'big'):032b}" if len(value) == 4 else "01"
    if "01" in bits:
        raise AddressError(
            "DHCP option Subnet Mask not found in DHCPACK",
            hint="have the server send option 1, and ask for it where 'skipDefault' is set",
        )
    return bits.count("1")


def routes(
    options: Options, gateway: IPv4Address | None
) -> list[tuple[IPv4Interface, IPv4Address, int | None]]:
    """Option 121 alone where there is one (RFC 3442); else those of option 33 and one by the gateway."""
    if found := classless(options.get(packet.CLASSLESS_ROUTES, b"")):
        return [(dst, gw, None if int(gw) else SCOPE_LINK) for dst, gw in found]
    listed = [(dst, gw, None) for dst, gw in classful(options.get(packet.STATIC_ROUTES, b""))]
    return [*listed, *([(DEFAULT_ROUTE, gateway, None)] if gateway else [])]


def classless(value: bytes) -> list[tuple[IPv4Interface, IPv4Address]]:
    """A length, as many octets of the destination as it needs, the router. All of it, or nothing."""
    found = []
    while value:
        length = value[0]
        octets = (length + 7) // 8
        if length > 32 or len(value) < 1 + octets + 4:
            return []
        # Bits beyond the length mean nothing, and the kernel refuses them.
        net = IPv4Network((value[1 : 1 + octets].ljust(4, b"\0"), length), strict=False)
        found.append((IPv4Interface(net), IPv4Address(value[1 + octets : 5 + octets])))
        value = value[5 + octets :]
    return found


def classful(value: bytes) -> list[tuple[IPv4Interface, IPv4Address]]:
    """Pairs of destination and router; the length is that of the destination's class, and D and E have none."""
    found = []
    for place in range(0, len(value) - 7, 8):
        dst, router = value[place : place + 4], IPv4Address(value[place + 4 : place + 8])
        length = 8 if dst[0] < 128 else 16 if dst[0] < 192 else 24
        if any(dst) and dst[0] < 224:  # 0.0.0.0 is no legal destination here (RFC 2132, section 5.8)
            found.append((IPv4Interface((dst, length)), router))
    return found


def addresses(options: Options, code: int) -> list[IPv4Address]:
    value = options.get(code, b"")
    if len(value) % 4:
        return []
    return [IPv4Address(value[place : place + 4]) for place in range(0, len(value), 4)]


def number(options: Options, code: int, octets: int) -> int | None:
    value = options.get(code, b"")
    return int.from_bytes(value, "big") if len(value) == octets else None


def text(options: Options, code: int) -> str:
    found = options.get(code, b"").rstrip(b"\0").decode(errors="replace")
    return found if found.isprintable() else ""
