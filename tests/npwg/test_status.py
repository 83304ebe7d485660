"""The network-status annotation: laid out as everybody reads it, and read back."""

from __future__ import annotations

import json
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.cni.types import DNS, Route
from multinet.errors import DecodingFailure
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.device import DeviceInfo, PciDevice
from multinet.npwg.status import NetworkStatus, parse, write
from tests.npwg.marks import unmark
from tests.npwg.strategies import CIDRS, IPS, TEXTS

NUMBERS = st.integers(0, 2**32)
DNS_RECORDS = st.builds(
    DNS,
    nameservers=st.lists(TEXTS, max_size=2).map(tuple),
    domain=TEXTS,
    search=st.lists(TEXTS, max_size=2).map(tuple),
    options=st.lists(TEXTS, max_size=2).map(tuple),
)
ROUTES = st.builds(
    Route,
    dst=CIDRS,
    gw=st.none() | IPS,
    mtu=NUMBERS,
    advmss=NUMBERS,
    priority=NUMBERS,
    table=st.none() | NUMBERS,
    scope=st.none() | NUMBERS,
)
STATUSES = st.builds(
    NetworkStatus,
    name=TEXTS,
    interface=TEXTS,
    ips=st.lists(IPS | CIDRS, max_size=3).map(tuple),
    mac=TEXTS,
    mtu=NUMBERS,
    default=st.booleans(),
    dns=DNS_RECORDS,
    device_info=st.none() | st.just(DeviceInfo(type="pci", pci=PciDevice(pci_address="0000:01:02.2"))),
    gateway=st.lists(IPS, max_size=2).map(tuple),
    routes=st.lists(ROUTES, max_size=2).map(tuple),
    host_interfaces=st.lists(TEXTS, max_size=2).map(tuple),
    plugins=st.lists(TEXTS, max_size=2).map(tuple),
)

FULL = NetworkStatus(
    name="default/net-a",
    interface="net1",
    ips=(IPv4Interface("10.1.2.3/24"), IPv6Interface("2001:db8::3/64")),
    mac="02:23:45:67:89:01",
    mtu=1450,
    default=True,
    dns=DNS(nameservers=("192.0.2.53",), domain="example.org", search=("example.org",), options=("ndots:2",)),
    device_info=DeviceInfo(type="pci", pci=PciDevice(pci_address="0000:01:02.2")),
    gateway=(IPv4Address("10.1.2.1"), IPv6Address("2001:db8::1")),
    routes=(
        Route(dst=IPv4Interface("0.0.0.0/0"), gw=IPv4Address("10.1.2.1")),
        Route(dst=IPv4Interface("192.0.2.0/24"), mtu=1400, table=0),
    ),
    host_interfaces=("br0", "veth1a2b3c4d"),
    plugins=("bridge", "tuning"),
)
FULL_TEXT = """\
[{
    "name": "default/net-a",
    "interface": "net1",
    "ips": [
        "10.1.2.3",
        "2001:db8::3"
    ],
    "mac": "02:23:45:67:89:01",
    "mtu": 1450,
    "default": true,
    "dns": {
        "nameservers": [
            "192.0.2.53"
        ],
        "domain": "example.org",
        "search": [
            "example.org"
        ],
        "options": [
            "ndots:2"
        ]
    },
    "device-info": {
        "type": "pci",
        "version": "1.1.0",
        "pci": {
            "pci-address": "0000:01:02.2"
        }
    },
    "gateway": [
        "10.1.2.1",
        "2001:db8::1"
    ],
    "default-route": [
        "10.1.2.1",
        "2001:db8::1"
    ],
    "dev.multinet.addresses": [
        "10.1.2.3/24",
        "2001:db8::3/64"
    ],
    "dev.multinet.routes": [
        {
            "dst": "0.0.0.0/0",
            "gw": "10.1.2.1"
        },
        {
            "dst": "192.0.2.0/24",
            "mtu": 1400,
            "table": 0
        }
    ],
    "dev.multinet.host-interfaces": [
        "br0",
        "veth1a2b3c4d"
    ],
    "dev.multinet.plugins": [
        "bridge",
        "tuning"
    ]
}]"""

MINIMAL_TEXT = """\
[{
    "name": "cbr0",
    "dns": {}
},{
    "name": "default/net-a",
    "dns": {}
}]"""


def test_a_status_is_laid_out_as_multus_does_with_our_keys_behind() -> None:
    assert write([FULL]) == FULL_TEXT


def test_a_minimal_status_is_a_name_and_an_empty_dns() -> None:
    assert write([NetworkStatus(name="cbr0"), NetworkStatus(name="default/net-a")]) == MINIMAL_TEXT


def test_no_attachments_are_an_empty_list() -> None:
    assert write([]) == "[]"
    assert parse("[]") == ()


@given(STATUSES)
def test_the_layout_is_that_of_any_indented_json(status: NetworkStatus):
    [found] = json.loads(write([status]))
    assert write([status]) == f"[{json.dumps(found, indent=4, ensure_ascii=False)}]"


@given(st.lists(STATUSES, max_size=2))
def test_whatever_is_written_reads_back(statuses: list[NetworkStatus]) -> None:
    assert parse(write(statuses)) == tuple(statuses)


def test_what_multus_wrote_is_read() -> None:
    text = """[{
        "name": "cbr0", "interface": "eth0", "ips": ["10.244.1.5"], "mac": "02:00:00:00:00:01",
        "default": true, "dns": {}, "gateway": ["<nil>", "10.244.1.1"]
    }]"""

    assert parse(text) == (
        NetworkStatus(
            name="cbr0",
            interface="eth0",
            ips=(IPv4Address("10.244.1.5"),),
            mac="02:00:00:00:00:01",
            default=True,
            gateway=(IPv4Address("10.244.1.1"),),
        ),
    )


def test_the_examples_of_the_specification_have_prefixes_and_their_own_key_for_gateways() -> None:
    text = """[{
        "name": "some-network", "interface": "eth1", "ips": ["192.0.2.4/24", "2001:db8::2234/64"],
        "default": false, "default-route": ["192.0.2.1"], "later": {"key": 1}
    }]"""

    assert parse(text) == (
        NetworkStatus(
            name="some-network",
            interface="eth1",
            ips=(IPv4Interface("192.0.2.4/24"), IPv6Interface("2001:db8::2234/64")),
            gateway=(IPv4Address("192.0.2.1"),),
        ),
    )


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("^{}", "expected a list, not an object"),
        ("[^{}]", 'expected the key "name" in this object'),
        ('[^{"name": null}]', 'expected the key "name" in this object'),
        ('[{"name": "a", "ips": [^"x"]}]', "expected an IP address, such as 192.0.2.10 or 2001:db8::10"),
        ('[{"name": "a", "mtu": ^-1}]', "expected a whole number from 0 to 9223372036854775807"),
        ('[{"name": "a", "default": ^1}]', "expected true or false, not a whole number"),
        ('[{"name": "a", "dns": ^[]}]', "expected an object, not a list"),
        ('[{"name": "a", "gateway": ^"x"}]', "expected a list, not a string"),
        ('[{"name": "a", "device-info": ^{}}]', 'expected the key "type" in this object'),
        ('[{"name": "a", "dev.multinet.routes": [^{}]}]', 'expected the key "dst" in this object'),
    ],
)
def test_a_wrong_status_is_pointed_at(marked: str, message: str) -> None:
    text, excerpt = unmark(marked)
    with pytest.raises(DecodingFailure) as caught:
        parse(text)
    assert str(caught.value) == f"{NETWORK_STATUS}: {message}\n{excerpt}"


@given(st.lists(STATUSES, min_size=1, max_size=1).map(write), st.data())
def test_a_damaged_status_is_read_or_refused(text: str, data: Any) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(
        st.sampled_from(["", "null", "-1", '""', "[]", "{}", ",", '"', "true"]) | st.text(max_size=3)
    )
    with suppress(DecodingFailure):
        parse(text[:at] + put + text[at + 1 :])
