"""Short words for addresses, and results as hypothesis makes them up."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from hypothesis import strategies as st

from multinet.cni.types import CIDR, DNS, IP, Address, Interface, Result, Route


def ip(text: str) -> IP:
    return ip_address(text)


def cidr(text: str) -> CIDR:
    return ip_interface(text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]{0,12}", fullmatch=True)
IFNAMES = st.from_regex(r"[!-.0-9;-~]{3,15}", fullmatch=True)

IPS = st.ip_addresses().filter(lambda found: not getattr(found, "ipv4_mapped", None))
"""An IPv4 address in IPv6 clothes would read back as the IPv4 address."""
CIDRS = st.builds(
    lambda address, length: ip_interface((address, min(length, address.max_prefixlen))),
    IPS,
    st.integers(0, 128),
)
COUNTS = st.integers(0, 2**31 - 1)

INTERFACES = st.builds(
    Interface, name=TEXTS, mac=TEXTS, mtu=COUNTS, sandbox=TEXTS, socket_path=TEXTS, pci_id=TEXTS
)
ADDRESSES = st.builds(
    Address, address=CIDRS, gateway=st.none() | IPS, interface=st.none() | st.integers(0, 5)
)
ROUTES = st.builds(
    Route,
    dst=CIDRS,
    gw=st.none() | IPS,
    mtu=COUNTS,
    advmss=COUNTS,
    priority=COUNTS,
    table=st.none() | COUNTS,
    scope=st.none() | COUNTS,
)
TEXT_LISTS = st.lists(TEXTS, max_size=2).map(tuple)
RESULTS = st.builds(
    Result,
    interfaces=st.lists(INTERFACES, max_size=3).map(tuple),
    ips=st.lists(ADDRESSES, max_size=3).map(tuple),
    routes=st.lists(ROUTES, max_size=3).map(tuple),
    dns=st.builds(DNS, nameservers=TEXT_LISTS, domain=TEXTS, search=TEXT_LISTS, options=TEXT_LISTS),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=4)
