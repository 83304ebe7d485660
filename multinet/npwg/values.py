"""What the values in annotations and definitions may look like.

Each rule takes the text and gives the finished value, or raises ValueError with the sentence that says what
was expected.
"""

from __future__ import annotations

import re

from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.cni.names import check_ifname
from multinet.cni.types import CIDR, IP
from multinet.errors import MultinetError

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_HEX_PAIRS = re.compile(r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2})*)", re.ASCII)
_HEX_QUADS = re.compile(r"[0-9a-f]{4}(?:\.[0-9a-f]{4})+", re.ASCII)

MAX_LABEL = 63
MAX_SUBDOMAIN = 253
PROTOCOLS = ("tcp", "udp", "sctp")


def label(text: str) -> str:
    """A namespace's name: an RFC 1123 label, as Kubernetes asks."""
    if not _LABEL.fullmatch(text):
        raise ValueError("expected a namespace: lower-case letters, digits and '-'")
    if len(text) > MAX_LABEL:
        raise ValueError(f"expected a namespace of at most {MAX_LABEL} characters")
    return text


def subdomain(text: str) -> str:
    """The name of most Kubernetes objects: labels joined by dots."""
    if "/" in text:
        raise ValueError("expected a name without '/': the namespace has a key of its own, \"namespace\"")
    if not _SUBDOMAIN.fullmatch(text):
        raise ValueError("expected a name: lower-case letters, digits, '-' and '.'")
    if len(text) > MAX_SUBDOMAIN:
        raise ValueError(f"expected a name of at most {MAX_SUBDOMAIN} characters")
    return text


def ifname(text: str) -> str:
    """A network interface's name, by the rule that CNI_IFNAME is held to."""
    try:
        check_ifname(text)
    except MultinetError:
        raise ValueError(
            "expected an interface name: at most 15 bytes, without '/', ':' or white space, not '.' or '..'"
        ) from None
    return text


def ip(text: str) -> IP:
    """An address without a prefix."""
    try:
        return parse_ip(text)
    except MultinetError:
        raise ValueError("expected an IP address, such as 192.0.2.10 or 2001:db8::10") from None


def cidr(text: str) -> CIDR:
    """An address with a prefix length; the host's bits are kept."""
    try:
        return parse_cidr(text)
    except MultinetError:
        raise ValueError(
            "expected an IP address with a prefix length, such as 192.0.2.10/24 or 2001:db8::10/64"
        ) from None


def ip_or_cidr(text: str) -> IP | CIDR:
    """An address, with or without a prefix length (key ``ips``)."""
    return cidr(text) if "/" in text else ip(text)


def mac(text: str) -> str:
    """A hardware address of 6, 8 (EUI-64) or 20 bytes (IP over InfiniBand), in any of the forms that Go's
    ParseMAC takes, which is what the field writes; told on as lower-case pairs with colons."""
    found = _hardware_address(text)
    if len(found) not in (6, 8, 20):
        raise ValueError("expected a MAC address of 6, 8 or 20 bytes, such as 02:23:45:67:89:01")
    return ":".join(found)


def guid(text: str) -> str:
    """An InfiniBand GUID: 8 bytes, written as a MAC address is."""
    found = _hardware_address(text)
    if len(found) != 8:
        raise ValueError("expected an InfiniBand GUID of 8 bytes, such as 02:00:00:00:00:00:00:01")
    return ":".join(found)


def protocol(text: str) -> str:
    if text.lower() not in PROTOCOLS:
        raise ValueError("expected a protocol: tcp, udp or sctp")
    return text.lower()


def _hardware_address(text: str) -> list[str]:
    """The pairs of digits of ``02:23:…``, ``02-23-…`` or ``0223.4567.8901``; none for anything else."""
    lower = text.lower()
    if not _HEX_PAIRS.fullmatch(lower) and not _HEX_QUADS.fullmatch(lower):
        return []
    digits = re.sub(r"[^0-9a-f]", "", lower)
    return [digits[at : at + 2] for at in range(0, len(digits), 2)]
