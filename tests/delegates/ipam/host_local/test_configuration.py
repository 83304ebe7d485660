"""What a configuration says, and the words for every one that can't be meant."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegates.ipam.host_local.conf import HostLocalConf, parse
from delegates.ipam.host_local.ranges import Range
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.errors import InvalidConfig, MultinetError, PluginFailed
from tests.support.ipam import Reference, conf

V4 = {"subnet": "10.1.2.0/24"}
V6 = {"subnet": "fd12:5::/64"}


def read(ipam: Any = None, *, cni_args: str = "", lenient: bool = False, **keys: Any) -> HostLocalConf:
    if ipam is not None:
        keys["ipam"] = ipam
    return parse(NetConf.of(conf("host-local", **keys)), Args.parse(cni_args, lenient=lenient))


def ranges(*given: Any, **keys: Any) -> dict[str, Any]:
    return {"ranges": [[one] for one in given], **keys}


def one(subnet: str, start: str, end: str, gateway: str) -> Range:
    return Range(
        subnet=ip_network(subnet),
        start=ip_address(start),
        end=ip_address(end),
        gateway=ip_address(gateway),
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (V4, one("10.1.2.0/24", "10.1.2.1", "10.1.2.254", "10.1.2.1")),
        (V6, one("fd12:5::/64", "fd12:5::1", "fd12:5::ffff:ffff:ffff:ffff", "fd12:5::1")),
        ({"subnet": "10.1.2.0/30"}, one("10.1.2.0/30", "10.1.2.1", "10.1.2.2", "10.1.2.1")),
        ({"subnet": "fd12:5::/126"}, one("fd12:5::/126", "fd12:5::1", "fd12:5::3", "fd12:5::1")),
        ({"subnet": "0.0.0.0/0"}, one("0.0.0.0/0", "0.0.0.1", "255.255.255.254", "0.0.0.1")),
        (
            {**V4, "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.255", "gateway": "10.9.9.9"},
            one("10.1.2.0/24", "10.1.2.9", "10.1.2.255", "10.9.9.9"),
        ),
        ({**V4, "rangeStart": "10.1.2.0"}, one("10.1.2.0/24", "10.1.2.0", "10.1.2.254", "10.1.2.1")),
        ({**V4, "rangeStart": "", "gateway": ""}, one("10.1.2.0/24", "10.1.2.1", "10.1.2.254", "10.1.2.1")),
        ({**V4, "rangeEnd": None}, one("10.1.2.0/24", "10.1.2.1", "10.1.2.254", "10.1.2.1")),
        (
            {**V4, "rangeStart": "::ffff:10.1.2.9"},
            one("10.1.2.0/24", "10.1.2.9", "10.1.2.254", "10.1.2.1"),
        ),
        (
            {"SUBNET": "10.1.2.0/24", "RangeStart": "10.1.2.9"},
            one("10.1.2.0/24", "10.1.2.9", "10.1.2.254", "10.1.2.1"),
        ),
    ],
)
def test_what_is_not_said_of_a_range(given: Any, meant: Range) -> None:
    assert read(ranges(given)).sets[0].ranges == (meant,)


def test_sets_come_from_the_runtime_then_the_old_form_then_the_list() -> None:
    found = read(
        {"subnet": "10.0.2.0/24", "ranges": [[{"subnet": "10.0.3.0/24"}], [{"subnet": "10.0.4.0/24"}]]},
        runtimeConfig={"ipRanges": [[{"subnet": "10.0.1.0/24"}, {"subnet": "10.0.9.0/24"}]]},
    )
    assert [str(one.ranges[0].subnet) for one in found.sets] == [
        "10.0.1.0/24",
        "10.0.2.0/24",
        "10.0.3.0/24",
        "10.0.4.0/24",
    ]
    assert len(found.sets[0].ranges) == 2


def test_the_other_keys_of_the_old_form_mean_nothing_without_a_subnet() -> None:
    assert len(read(ranges(V4, rangeStart="10.9.9.9", gateway="10.9.9.1")).sets) == 1


def test_requested_addresses_add_up_from_all_three_sources() -> None:
    found = read(
        ranges(V4),
        cni_args="IP=10.1.2.5/8",
        runtimeConfig={"ips": ["::ffff:10.1.2.7", "10.1.2.5"]},
        args={"CNI": {"IPs": ["fd12:5::6/64"]}},
    )
    assert [str(address) for address in found.requested] == ["10.1.2.5", "fd12:5::6", "10.1.2.7"]


def test_an_empty_ip_in_cni_args_asks_for_nothing() -> None:
    assert read(ranges(V4), cni_args="IP=").requested == ()


def test_to_release_nobody_reads_what_was_asked_for() -> None:
    found = read(ranges(V4), cni_args="IP=ten;A", lenient=True, runtimeConfig={"ips": ["ten"]})
    assert found.requested == ()


def test_the_rest_of_the_configuration() -> None:
    found = read(
        ranges(V4, dataDir="/run/addresses", resolvConf="/etc/resolv.conf", routes=[{"dst": "10.9.8.7/8"}])
    )
    assert (found.data_dir, found.resolv_conf) == ("/run/addresses", "/etc/resolv.conf")
    assert [str(route.dst) for route in found.routes] == ["10.9.8.7/8"]
    assert read(ranges(V4)).data_dir == "/var/lib/cni/networks"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no ipam", {}, "IPAM config missing 'ipam' key (host-local reads its ranges there)"),
    (
        "no ranges",
        {"ipam": {}},
        "no IP ranges specified (give ipam.ranges at least one range set)",
    ),
    (
        "an empty list",
        {"ipam": {"ranges": []}},
        "no IP ranges specified (give ipam.ranges at least one range set)",
    ),
    (
        "an empty set",
        {"ipam": {"ranges": [[V4], []]}},
        "invalid range set 1: empty range set (give it a subnet, or leave it out)",
    ),
    (
        "two families in a set",
        {"ipam": {"ranges": [[V4, V6]]}},
        "invalid range set 0: mixed address families (each family needs a range set of its own)",
    ),
    (
        "ranges of a set that overlap",
        {"ipam": {"ranges": [[V4, {"subnet": "10.1.0.0/16"}]]}},
        "invalid range set 0: subnets 10.1.2.1-10.1.2.254 and 10.1.0.1-10.1.255.254 overlap",
    ),
    (
        "sets that overlap",
        {"ipam": ranges(V6, V4, {"subnet": "10.1.2.128/25"})},
        "range set 1 overlaps with 2 (no address may be in two of them)",
    ),
    (
        "the old form and a set that overlap",
        {"ipam": {**V4, **ranges(V4)}},
        "range set 0 overlaps with 1 (no address may be in two of them)",
    ),
    (
        "a small subnet",
        {"ipam": ranges({"subnet": "10.1.2.4/31"})},
        "invalid range set 0: Network 10.1.2.4/31 too small to allocate from (/30 is the smallest)",
    ),
    (
        "a small IPv6 subnet",
        {"ipam": ranges({"subnet": "fd12:5::1/127"})},
        "invalid range set 0: Network fd12:5::1/127 too small to allocate from (/126 is the smallest)",
    ),
    (
        "an IPv4 subnet written as IPv6",
        {"ipam": ranges({"subnet": "::ffff:10.1.2.0/120"})},
        "invalid range set 0: IPNet IP and Mask version mismatch (write an IPv4 subnet as IPv4)",
    ),
    (
        "host bits",
        {"ipam": ranges({"subnet": "10.1.2.5/24"})},
        "invalid range set 0: Network has host bits set. For a subnet mask of length 24 the network address "
        "is 10.1.2.0",
    ),
    (
        "a start outside",
        {"ipam": ranges({**V4, "rangeStart": "10.1.3.5"})},
        "invalid range set 0: RangeStart 10.1.3.5 not in network 10.1.2.0/24",
    ),
    (
        "a start of the other family",
        {"ipam": ranges({**V4, "rangeStart": "fd12:5::5"})},
        "invalid range set 0: RangeStart fd12:5::5 not in network 10.1.2.0/24",
    ),
    (
        "an end outside",
        {"ipam": ranges({**V4, "rangeEnd": "10.1.3.5"})},
        "invalid range set 0: RangeEnd 10.1.3.5 not in network 10.1.2.0/24",
    ),
    (
        "an end of the other family",
        {"ipam": ranges({**V4, "rangeStart": "10.1.2.9", "rangeEnd": "fd12:5::5"})},
        "invalid range set 0: RangeEnd fd12:5::5 not in network 10.1.2.0/24",
    ),
    (
        "the network's address as the end",
        {"ipam": ranges({**V4, "rangeEnd": "10.1.2.0"})},
        "invalid range set 0: RangeEnd 10.1.2.0 not in network 10.1.2.0/24",
    ),
    (
        "an end before the start",
        {"ipam": ranges({**V4, "rangeStart": "10.1.2.50", "rangeEnd": "10.1.2.40"})},
        "invalid range set 0: RangeStart 10.1.2.50 not in network 10.1.2.0/24 "
        "(the last address of this range is 10.1.2.40)",
    ),
    (
        "the broadcast address as the start",
        {"ipam": ranges({**V4, "rangeStart": "10.1.2.255"})},
        "invalid range set 0: RangeStart 10.1.2.255 not in network 10.1.2.0/24 "
        "(the last address of this range is 10.1.2.254)",
    ),
    (
        "two addresses a family in an old version",
        {"version": "0.2.0", "ipam": ranges(V4, V6, {"subnet": "10.1.3.0/24"})},
        "CNI version 0.2.0 does not support more than 1 address per family "
        "(leave one range set a family, or set cniVersion to 0.3.0 or newer)",
    ),
    (
        "no subnet",
        {"ipam": ranges(V4, {"rangeStart": "10.1.2.3"})},
        "ipam.ranges[1][0]: the key 'subnet' is missing (The subnet in CIDR notation, at most /30 or /126)",
    ),
    (
        "no length",
        {"ipam": ranges({"subnet": "10.1.2.0"})},
        'ipam.ranges[0][0].subnet: invalid CIDR address: "10.1.2.0" (such as 10.1.2.3/24 or fd00::3/64)',
    ),
    (
        "a mask instead of a length, in the old form",
        {"ipam": {"subnet": "10.1.2.0/255.255.255.0"}},
        'ipam.subnet: invalid CIDR address: "10.1.2.0/255.255.255.0" (such as 10.1.2.3/24 or fd00::3/64)',
    ),
    (
        "a gateway that is no address",
        {"runtimeConfig": {"ipRanges": [[V4, {"subnet": "10.1.3.0/24", "gateway": "ten"}]]}, "ipam": {}},
        'runtimeConfig.ipRanges[0][1].gateway: invalid IP address: "ten" (such as 10.1.2.3 or fd00::3)',
    ),
    (
        "a start with a zone",
        {"ipam": ranges({"subnet": "fe80::/64", "rangeStart": "fe80::1%eth0"})},
        'ipam.ranges[0][0].rangeStart: invalid IP address: "fe80::1%eth0" (no zone can be given here)',
    ),
    (
        "a range that is none",
        {"ipam": {"ranges": [["10.1.2.0/24"]]}},
        "ipam.ranges[0][0]: expected an object, got the text '10.1.2.0/24' (A part of a subnet)",
    ),
    (
        "a range where a set should be",
        {"ipam": {"ranges": [V4]}},
        "ipam.ranges[0]: expected a list, got an object "
        "(Ranges of one family, of which one address is given)",
    ),
    (
        "a number for a folder",
        {"ipam": ranges(V4, dataDir=5)},
        "ipam.dataDir: expected a string, got the number 5 "
        "(Folder of the reservations; each network has one of its own in it)",
    ),
    (
        "a route to nowhere",
        {"ipam": ranges(V4, routes=[{"dst": "10.0.0.0/8"}, {"dst": "ten"}])},
        'ipam.routes[1].dst: invalid CIDR address: "ten" (such as 10.1.2.3/24 or fd00::3/64)',
    ),
    (
        "a route without a destination",
        {"ipam": ranges(V4, routes=[{"gw": "10.1.2.1"}])},
        "ipam.routes[0]: the key 'dst' is missing (Destination in CIDR notation)",
    ),
    (
        "an argument that is no address",
        {"ipam": ranges(V4), "args": {"cni": {"ips": ["10.1.2.3", "ten"]}}},
        'args.cni.ips[1]: invalid IP address: "ten" (such as 10.1.2.3 or fd00::3)',
    ),
    (
        "a wish that is no address",
        {"ipam": ranges(V4), "runtimeConfig": {"ips": ["10.1.2.3/33"]}},
        'runtimeConfig.ips[0]: invalid CIDR address: "10.1.2.3/33" (such as 10.1.2.3/24 or fd00::3/64)',
    ),
    (
        "an empty wish",
        {"ipam": ranges(V4), "runtimeConfig": {"ips": [""]}},
        'runtimeConfig.ips[0]: invalid IP address: "" (such as 10.1.2.3 or fd00::3)',
    ),
]


REFUSED_BY_US_ALONE = {"the broadcast address as the start", "a route without a destination"}


@pytest.mark.parametrize(("keys", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_configuration_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse(NetConf.of(conf("host-local", **keys)), Args.parse(""))
    assert str(caught.value) == words
    assert caught.value.code == 7


@pytest.mark.peer
@pytest.mark.parametrize(
    "keys",
    [row[1] for row in WRONG if row[0] not in REFUSED_BY_US_ALONE],
    ids=[row[0] for row in WRONG if row[0] not in REFUSED_BY_US_ALONE],
)
def test_the_reference_refuses_it_too_and_in_the_same_words(keys: dict[str, Any], peers: Path) -> None:
    """The words for values that are no addresses, or of the wrong type, are its decoder's and not compared."""
    given = conf("host-local", **keys)
    with pytest.raises(PluginFailed) as theirs:
        Reference(program=peers / "host-local").add(given)
    with pytest.raises(InvalidConfig) as ours:
        parse(NetConf.of(given), Args.parse(""))
    if not ours.value.place:
        assert ours.value.message == theirs.value.message


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("IP=ten", 'ARGS: error parsing value of pair "IP=ten": invalid IP address ten'),
        ("IP=10.1.2.3;", 'ARGS: invalid pair "" (CNI_ARGS reads KEY=VALUE;KEY=VALUE)'),
        ("A=1;IP=10.1.2.3", 'ARGS: unknown args ["A=1"] (IgnoreUnknown=1 lets other keys pass)'),
        ("ip=10.1.2.3", 'ARGS: unknown args ["ip=10.1.2.3"] (did you mean IP?)'),
    ],
)
def test_wrong_cni_args_are_refused(args: str, words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read(ranges(V4), cni_args=args)
    assert str(caught.value) == words


ADDRESSES = st.sampled_from(["10.1.2.0/24", "10.1.2.7", "fd12:5::/64", "fd12:5::7", "::ffff:10.1.2.7", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | ADDRESSES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["subnet", "rangeStart", "rangeEnd", "gateway", "Subnet", "dst", "gw", "ips"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["ranges", "subnet", "routes", "gateway", "rangeStart"]), VALUES),
    st.dictionaries(st.sampled_from(["ips", "ipRanges"]), VALUES),
    VALUES,
    st.text(max_size=20),
)
def test_whatever_is_given_is_read_or_refused_by_an_error_of_ours(
    ipam: Any, runtime: Any, args: Any, cni_args: str
) -> None:
    with suppress(MultinetError):
        read(ipam, cni_args=cni_args, runtimeConfig=runtime, args={"cni": args})
