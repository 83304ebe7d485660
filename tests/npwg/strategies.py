"""Addresses and selections, as hypothesis makes them up."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Any

from hypothesis import strategies as st

from multinet.npwg.selection import Bandwidth, PortMapping, Selection

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
SUBDOMAINS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
IFNAMES = st.from_regex(r"[!-.0-9;-~]{3,15}", fullmatch=True)
SHORT_IFNAMES = IFNAMES.filter(lambda name: not set(name) & set('[{",@'))
"""Those that the short form can say."""

IPS = st.ip_addresses().filter(lambda ip: not getattr(ip, "ipv4_mapped", None))
"""An IPv4 address in IPv6 clothes would read back as the IPv4 address."""
CIDRS = st.builds(
    lambda ip, prefix: ip_interface((ip, min(prefix, ip.max_prefixlen))), IPS, st.integers(0, 128)
)
MACS = st.sampled_from([6, 8, 20]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
MACS_TEXT = MACS.map(lambda raw: raw.hex(":"))
GUIDS = st.binary(min_size=8, max_size=8).map(lambda raw: raw.hex(":"))

PORTS = st.integers(1, 65535)
RATES = st.integers(0, 2**63 - 1)
PORT_MAPPINGS = st.builds(
    PortMapping,
    host_port=PORTS,
    container_port=PORTS,
    protocol=st.sampled_from(["tcp", "udp", "sctp"]),
    host_ip=st.none() | IPS,
)
BANDWIDTHS = st.builds(
    Bandwidth, ingress_rate=RATES, ingress_burst=RATES, egress_rate=RATES, egress_burst=RATES
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)

SHORT_SELECTIONS = st.builds(Selection, namespace=LABELS, name=LABELS, interface=st.none() | SHORT_IFNAMES)
_FULL: dict[str, st.SearchStrategy[Any]] = {
    "namespace": LABELS,
    "name": SUBDOMAINS,
    "interface": st.none() | IFNAMES,
    "mac": st.just("") | MACS_TEXT,
    "infiniband_guid": st.just("") | GUIDS,
    "port_mappings": st.lists(PORT_MAPPINGS, max_size=2).map(tuple),
    "bandwidth": st.none() | BANDWIDTHS,
    "device_id": TEXTS.filter(lambda text: text.isprintable() and "/" not in text),
    "cni_args": st.dictionaries(WORDS, JSON, max_size=3),
    "default_route": st.none() | st.lists(IPS, max_size=2).map(tuple),
}
SELECTIONS = st.builds(Selection, **_FULL, ips=st.lists(IPS | CIDRS, max_size=3).map(tuple)) | st.builds(
    Selection, **_FULL, ipam_claim_reference=SUBDOMAINS
)
