"""VLANs of bridge ports: reading a dump. The kernel's part is in test_uml_vlans.py."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from multinet.kernel import attributes
from multinet.kernel.links import vlan_add
from multinet.kernel.vlans import PVID, UNTAGGED, read_vlans


def info(flags: int, vid: int) -> bytes:
    return attributes.raw(2, struct.pack("=HH", flags, vid))


def test_single_vlans_and_ranges_are_read_one_by_one() -> None:
    dump = (
        attributes.u16(0, 1)
        + info(PVID | UNTAGGED, 1)
        + info(8, 10)
        + info(16, 12)
        + info(8 | 4, 20)
        + info(20, 21)
    )
    assert read_vlans(dump) == [
        (1, PVID | UNTAGGED),
        (10, 0),
        (11, 0),
        (12, 0),
        (20, UNTAGGED),
        (21, UNTAGGED),
    ]


def test_a_port_without_vlans_has_none() -> None:
    assert read_vlans(b"") == []


@given(st.integers(1, 4094), st.integers(0, 100), st.booleans())
def test_a_range_that_is_written_reads_back(first: int, more: int, untagged: bool) -> None:
    last = min(first + more, 4094)
    body = vlan_add(5, first, vid_end=last, untagged=untagged).body
    specification = attributes.parse(body, 16)[26]
    flags = UNTAGGED if untagged else 0
    assert read_vlans(specification) == [(vid, flags) for vid in range(first, last + 1)]
