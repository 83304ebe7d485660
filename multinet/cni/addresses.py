"""IP addresses as results and configurations write them, read as the reference reads them (Go's ``net``).

Addresses keep their host bits, IPv4 written as IPv6 is the IPv4 address, and a prefix is a number of bits.
Few addresses come again and again, so readings are kept; what is kept is bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Interface, IPv6Address, ip_address, ip_interface

from multinet.cni.jsonkeys import quoted
from multinet.cni.types import CIDR, IP
from multinet.errors import InvalidConfig

_LENGTH = re.compile(r"[0-9]{1,5}", re.ASCII)


@lru_cache(maxsize=1024)
def parse_ip(text: str) -> IP:
    """Raises InvalidConfig."""
    try:
        found = ip_address(text)
    except ValueError:
        raise InvalidConfig(
            f"invalid IP address: {quoted(text)}", hint="such as 10.1.2.3 or fd00::3"
        ) from None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            raise InvalidConfig(f"invalid IP address: {quoted(text)}", hint="no zone can be given here")
        return found.ipv4_mapped or found
    return found


@lru_cache(maxsize=1024)
def parse_cidr(text: str) -> CIDR:
    """Raises InvalidConfig."""
    address, _, length = text.partition("/")
    try:
        if not _LENGTH.fullmatch(length) or "%" in address:
            raise ValueError
        found = ip_interface((address, int(length)))
    except ValueError:
        raise InvalidConfig(
            f"invalid CIDR address: {quoted(text)}", hint="such as 10.1.2.3/24 or fd00::3/64"
        ) from None
    if found.version == 6 and (inner := found.ip.ipv4_mapped) is not None:
        return IPv4Interface((inner, max(0, found.network.prefixlen - 96)))
    return found
