"""What is on the wire: written and read back, and whatever comes instead is refused by an error of ours."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given as supposing
from hypothesis import strategies as st

from delegates.ipam.dhcp import datagram, packet
from delegates.ipam.dhcp.packet import Kind, Packet
from multinet.errors import DecodingFailure

ADDRESSES = st.ip_addresses(v=4)
OPTIONS = st.dictionaries(
    st.integers(1, 254).filter(lambda code: code != packet.OVERLOAD), st.binary(max_size=600)
)
PACKETS = st.builds(
    Packet,
    op=st.sampled_from((packet.REQUEST, packet.REPLY)),
    xid=st.integers(0, 2**32 - 1),
    chaddr=st.binary(max_size=16),
    secs=st.integers(0, 65535),
    broadcast=st.booleans(),
    ciaddr=ADDRESSES,
    yiaddr=ADDRESSES,
    siaddr=ADDRESSES,
    giaddr=ADDRESSES,
    options=OPTIONS,
)
HERE, THERE = IPv4Address("10.66.0.10"), IPv4Address("10.66.0.1")


@supposing(PACKETS)
def test_what_is_written_reads_back(written: Packet):
    data = written.encode()
    assert packet.decode(data) == written
    assert len(data) >= packet.SMALLEST


@supposing(st.binary(max_size=700))
def test_what_is_no_message_is_refused(data: bytes):
    with pytest.raises(DecodingFailure):
        packet.decode(data)


@supposing(PACKETS, st.data())
def test_a_damaged_message_is_read_or_refused_and_never_grows(written: Packet, data: st.DataObject):
    damaged = bytearray(written.encode())
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        read = packet.decode(bytes(damaged))
    except DecodingFailure:
        return
    assert sum(map(len, read.options.values())) <= len(damaged)


def test_options_go_on_in_the_fields_for_booting():
    """RFC 2131, section 4.1: option 52."""
    bare = Packet(op=packet.REPLY, xid=1, chaddr=b"", options={packet.OVERLOAD: b"\3"}).encode()
    sname = packet.encode_options({12: b"in sname"}) + b"\xff"
    file = packet.encode_options({12: b"in file, "}) + b"\xff"
    data = bare[:44] + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + bare[236:]
    assert packet.decode(data).options == {12: b"in file, in sname"}


def test_an_option_in_parts_is_one():
    """RFC 3396."""
    data = Packet(op=packet.REPLY, xid=1, chaddr=b"").encode()[:240]
    assert packet.decode(data + b"\x79\2ab\0\0\x79\1c\xff rest").options == {121: b"abc"}


def test_a_missing_end_mark_is_forgiven():
    data = Packet(op=packet.REPLY, xid=1, chaddr=b"").encode()[:240]
    assert packet.decode(data + b"\x35\1\5").kind == Kind.ACK


@pytest.mark.parametrize("tail", [b"\x0c", b"\x0c\5name", b"\x35\1\5\x36\4\1\1"])
def test_an_option_that_is_cut_off_is_refused(tail: bytes):
    data = Packet(op=packet.REPLY, xid=1, chaddr=b"").encode()[:240]
    with pytest.raises(DecodingFailure, match=r"^option \d+ of a DHCP message is cut off$"):
        packet.decode(data + tail)


@supposing(st.binary(max_size=1400))
def test_a_datagram_carries_what_was_put_into_it(payload: bytes):
    """To a client's port: what ``wrap`` makes is for a server's."""
    wrapped = bytearray(datagram.wrap(payload, HERE, THERE))
    assert datagram.checksum(bytes(wrapped[:20])) == 0
    pseudo = HERE.packed + THERE.packed + b"\0\x11" + wrapped[24:26]
    assert datagram.checksum(pseudo + bytes(wrapped[20:])) == 0
    wrapped[22:24] = datagram.CLIENT_PORT.to_bytes(2, "big")
    assert datagram.unwrap(bytes(wrapped) + b"padding of the frame") == payload


@supposing(st.binary(max_size=100))
def test_what_is_no_datagram_for_a_client_is_refused(data: bytes):
    try:
        assert data.endswith(datagram.unwrap(data)) or len(data) > 28
    except DecodingFailure:
        return
    assert data[9] == datagram.UDP
