"""Addresses as texts: what is read, and how it prints."""

from __future__ import annotations

import pytest

from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.errors import InvalidConfig


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::FFFF:0A01:0203", "10.1.2.3"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::", "::"),
    ],
)
def test_an_address_prints_in_its_shortest_form(text: str, printed: str) -> None:
    assert str(parse_ip(text)) == printed


@pytest.mark.parametrize(
    "text",
    ["", "10.1.2", "10.1.2.03", "10.1.2.3/24", " 10.1.2.3", "10.1.2.3\n", "1", "::1::", "\u0661.1.1.1", "x"],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_ip(text)
    assert caught.value.message.startswith("invalid IP address: ")


def test_an_address_has_no_zone():
    with pytest.raises(InvalidConfig) as caught:
        parse_ip("fe80::1%eth0")
    assert str(caught.value) == 'invalid IP address: "fe80::1%eth0" (no zone can be given here)'


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("10.1.2.3/24", "10.1.2.3/24"),
        ("10.1.2.3/024", "10.1.2.3/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("fd00::0:3/64", "fd00::3/64"),
        ("::ffff:10.1.2.3/120", "10.1.2.3/24"),
        ("::ffff:10.1.2.3/96", "10.1.2.3/0"),
        ("::ffff:10.1.2.3/64", "10.1.2.3/0"),
    ],
)
def test_a_prefix_keeps_the_bits_of_the_host(text: str, printed: str) -> None:
    assert str(parse_cidr(text)) == printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "10.1.2.3",
        "10.1.2.3/",
        "10.1.2.3/33",
        "10.1.2.3/-1",
        "10.1.2.3/+8",
        "10.1.2.3/255.255.255.0",
        "10.1.2.3/24/8",
        "10.1.2.3/2\u0664",
        "10.1.2.3/ 24",
        "fd00::/129",
        "fe80::1%eth0/64",
        "10.1.2/24",
        "10.1.2.3/" + "9" * 5000,
    ],
)
def test_anything_else_is_no_prefix(text: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_cidr(text)
    assert caught.value.message.startswith("invalid CIDR address: ")
