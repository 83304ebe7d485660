"""What the options of an ACK become in a result."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_interface

import pytest
from hypothesis import given as supposing
from hypothesis import strategies as st

from delegates.ipam.dhcp import packet, terms
from multinet.cni.types import DNS, Address, Result, Route
from multinet.errors import AddressError, MultinetError

MINE = IPv4Address("10.66.0.10")
MASK = {packet.SUBNET_MASK: bytes((255, 255, 255, 0))}
ROUTER = {packet.ROUTERS: bytes((10, 66, 0, 1, 10, 66, 0, 2))}
DEFAULT = Route(dst=ip_interface("0.0.0.0/0"), gw=ip_address("10.66.0.1"))


def result(options: dict[int, bytes], *requested: int, priority: int = 0) -> Result:
    return terms.result(MINE, {**MASK, **options}, priority=priority, requested=requested)


def test_the_first_router_is_the_gateway_and_leads_everywhere():
    assert result(ROUTER) == Result(
        ips=(Address(address=ip_interface("10.66.0.10/24"), gateway=ip_address("10.66.0.1")),),
        routes=(DEFAULT,),
    )


def test_without_a_router_there_is_no_route():
    assert result({}) == Result(ips=(Address(address=ip_interface("10.66.0.10/24")),))


def test_classless_routes_are_alone_where_there_are_any():
    """RFC 3442: 33 and the routers are passed over. A router of 0.0.0.0 is the link itself."""
    value = bytes((0, 10, 66, 0, 3, 9, 10, 129, 10, 66, 0, 4, 32, 192, 0, 2, 7, 0, 0, 0, 0))
    assert result({**ROUTER, 121: value, 33: bytes((10, 0, 0, 0, 10, 66, 0, 9))}).routes == (
        Route(dst=ip_interface("0.0.0.0/0"), gw=ip_address("10.66.0.3")),
        Route(dst=ip_interface("10.128.0.0/9"), gw=ip_address("10.66.0.4")),
        Route(dst=ip_interface("192.0.2.7/32"), gw=ip_address("0.0.0.0"), scope=253),
    )


@pytest.mark.parametrize("value", [b"\x21" + bytes(9), b"\x18\x0a\x00", b"\0\x0a\x42\0\3\x08"])
def test_classless_routes_that_cannot_be_read_are_as_good_as_none(value: bytes):
    assert result({**ROUTER, 121: value}).routes == (DEFAULT,)


def test_old_routes_are_of_their_class():
    """RFC 2132, 5.8. Not to 0.0.0.0, which it forbids, and not to a group of hosts."""
    gw = bytes((10, 66, 0, 9))
    value = b"".join(
        bytes(dst) + gw
        for dst in ((10, 0, 0, 0), (172, 20, 0, 0), (192, 0, 2, 0), (0, 0, 0, 0), (224, 0, 0, 1))
    )
    hop = ip_address("10.66.0.9")
    assert result({**ROUTER, 33: value + b"\1\2"}, priority=7).routes == (
        Route(dst=ip_interface("10.0.0.0/8"), gw=hop, priority=7),
        Route(dst=ip_interface("172.20.0.0/16"), gw=hop, priority=7),
        Route(dst=ip_interface("192.0.2.0/24"), gw=hop, priority=7),
        Route(dst=DEFAULT.dst, gw=DEFAULT.gw, priority=7),
    )


def test_dns_and_mtu_are_told_to_who_asked_for_them():
    options = {**ROUTER, 6: bytes((10, 66, 0, 53, 10, 66, 0, 54)), 15: b"shop.example\0", 26: b"\x05\x78"}
    assert result(options) == result(ROUTER)
    found = result(options, 6, 15, 26)
    assert found.dns == DNS(nameservers=("10.66.0.53", "10.66.0.54"), domain="shop.example")
    assert [route.mtu for route in found.routes] == [1400]


@pytest.mark.parametrize("value", [b"", b"\xff\xff\xff", b"\xff\0\xff\0", bytes(5)])
def test_without_a_mask_there_is_no_address(value: bytes):
    with pytest.raises(AddressError) as refused:
        result({packet.SUBNET_MASK: value})
    assert refused.value.message == "DHCP option Subnet Mask not found in DHCPACK"


@supposing(st.dictionaries(st.integers(1, 254), st.binary(max_size=40)))
def test_whatever_a_server_says_becomes_a_result_or_an_error_of_ours(options: dict[int, bytes]):
    try:
        found = terms.result(MINE, options, priority=0, requested=range(255))
    except MultinetError:
        return
    assert found.ips[0].address.ip == MINE
