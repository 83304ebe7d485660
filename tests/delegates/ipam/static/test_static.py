"""static: the same answers as the reference's, a word for every mistake, and a CHECK that looks."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as supposing
from hypothesis import strategies as st

from delegates.ipam.static import Static
from multinet.cni.types import DNS, Address, Result, Route
from multinet.errors import CheckFailed, InvalidConfig, MultinetError, PluginFailed
from tests.support.ipam import Ours, Reference, conf

FOUR = {"address": "10.7.7.7/24", "gateway": "10.7.7.1"}
SIX = {"address": "fd77::7/64", "gateway": "fd77::1"}

ours = Ours(delegate=Static())


def network(*addresses: Any, **keys: Any) -> dict[str, Any]:
    """Texts are addresses without a gateway; ``ipam_...`` keys go into ipam."""
    ipam: dict[str, Any] = {
        "addresses": [{"address": one} if isinstance(one, str) else one for one in addresses]
    }
    ipam.update({key.removeprefix("ipam_"): keys.pop(key) for key in list(keys) if key.startswith("ipam_")})
    return conf("static", ipam=ipam, **keys)


def ip(text: str, gateway: str = "") -> Address:
    return Address(address=ip_interface(text), gateway=ip_address(gateway) if gateway else None)


GIVEN: dict[str, tuple[dict[str, Any], str, tuple[Address, ...]]] = {
    "one": (network(FOUR), "", (ip("10.7.7.7/24", "10.7.7.1"),)),
    "both-families": (network(FOUR, SIX), "", (ip("10.7.7.7/24", "10.7.7.1"), ip("fd77::7/64", "fd77::1"))),
    "without-gateway": (network("10.7.7.7/24"), "", (ip("10.7.7.7/24"),)),
    "an-empty-gateway": (network({"address": "10.7.7.7/24", "gateway": ""}), "", (ip("10.7.7.7/24"),)),
    "ipv4-written-as-ipv6": (network("::ffff:10.7.7.7/120"), "", (ip("10.7.7.7/24"),)),
    "any-spelling-of-ipv6": (network("FD77:0:0::07/64"), "", (ip("fd77::7/64"),)),
    "several-of-a-family": (
        network(FOUR, "10.7.8.7/24"),
        "",
        (ip("10.7.7.7/24", "10.7.7.1"), ip("10.7.8.7/24")),
    ),
    "none": (network(), "", ()),
    "keys-in-any-case": (
        conf("static", ipam={"Addresses": [{"ADDRESS": "10.7.7.7/24", "GateWay": "10.7.7.1"}]}),
        "",
        (ip("10.7.7.7/24", "10.7.7.1"),),
    ),
    "cni-args-add": (
        network(FOUR),
        "IP=10.8.8.8/24, fd88::8/64;GATEWAY=10.8.8.1, fd88::1,10.9.9.9",
        (ip("10.7.7.7/24", "10.7.7.1"), ip("10.8.8.8/24", "10.8.8.1"), ip("fd88::8/64", "fd88::1")),
    ),
    "the-last-gateway-of-cni-args-counts": (
        network(),
        "IP=10.8.8.8/24;GATEWAY=10.8.8.1,10.8.8.2",
        (ip("10.8.8.8/24", "10.8.8.2"),),
    ),
    "a-gateway-of-cni-args-is-for-its-own-addresses": (
        network("10.7.7.7/24"),
        "GATEWAY=10.7.7.1",
        (ip("10.7.7.7/24"),),
    ),
    "empty-cni-args-add-nothing": (network(), "IP=;GATEWAY=", ()),
    "args-cni-replaces": (
        network(FOUR, args={"cni": {"ips": ["10.8.8.8/24", "fd88::8/64"]}}),
        "IP=10.9.9.9/24",
        (ip("10.8.8.8/24"), ip("fd88::8/64")),
    ),
    "runtime-replaces-all": (
        network(FOUR, args={"cni": {"ips": ["10.8.8.8/24"]}}, runtimeConfig={"ips": ["10.8.8.9/24"]}),
        "IP=10.9.9.9/24",
        (ip("10.8.8.9/24"),),
    ),
    "an-empty-list-replaces-nothing": (
        network(FOUR, args={"cni": {"ips": []}}, runtimeConfig={"ips": []}),
        "",
        (ip("10.7.7.7/24", "10.7.7.1"),),
    ),
    "what-is-replaced-may-be-wrong": (
        network("ten", runtimeConfig={"ips": ["10.8.8.9/24"]}),
        "",
        (ip("10.8.8.9/24"),),
    ),
    "one-of-each-family-in-an-old-version": (
        network(FOUR, SIX, version="0.2.0"),
        "",
        (ip("10.7.7.7/24", "10.7.7.1"), ip("fd77::7/64", "fd77::1")),
    ),
}


@pytest.mark.parametrize(("given", "args", "addresses"), GIVEN.values(), ids=GIVEN)
def test_which_addresses_are_meant(given: dict[str, Any], args: str, addresses: tuple[Address, ...]) -> None:
    assert ours.add(given, args=args).ips == addresses


@pytest.mark.peer
@pytest.mark.parametrize(("given", "args", "addresses"), GIVEN.values(), ids=GIVEN)
def test_the_reference_means_the_same(
    given: dict[str, Any], args: str, addresses: tuple[Address, ...], peers: Path
) -> None:
    assert Reference(program=peers / "static").add(given, args=args).ips == addresses


def test_routes_and_dns_go_into_the_result() -> None:
    result = ours.add(
        network(
            FOUR,
            ipam_routes=[{"dst": "10.0.0.9/8", "gw": "10.7.7.9", "mtu": 1400, "table": 0}],
            ipam_dns={"nameservers": ["10.7.7.53"], "search": ["a", "b"]},
        )
    )
    assert result.routes == (
        Route(dst=ip_interface("10.0.0.9/8"), gw=ip_address("10.7.7.9"), mtu=1400, table=0),
    )
    assert result.dns == DNS(nameservers=("10.7.7.53",), search=("a", "b"))


HINT = " (such as 10.1.2.3/24 or fd00::3/64)"

WRONG: list[tuple[dict[str, Any], str, str]] = [
    (conf("static"), "", "IPAM config missing 'ipam' key (static reads its addresses there)"),
    (
        network("10.7.7.7"),
        "",
        f"ipam.addresses[0]: the 'address' field is expected to be in CIDR notation, got: '10.7.7.7'{HINT}",
    ),
    (
        network(FOUR, {"gateway": "10.7.7.1"}),
        "",
        f"ipam.addresses[1]: the 'address' field is expected to be in CIDR notation, got: ''{HINT}",
    ),
    (
        network({**FOUR, "gateway": "x"}),
        "",
        'ipam.addresses[0].gateway: invalid IP address: "x" (such as 10.1.2.3 or fd00::3)',
    ),
    (network(), "IP=10.7.7.7", f"the 'ip' field is expected to be in CIDR notation, got: '10.7.7.7'{HINT}"),
    (network(), "IP=10.7.7.7/24,", f"the 'ip' field is expected to be in CIDR notation, got: ''{HINT}"),
    (
        network(),
        "IP=10.7.7.7/24;GATEWAY=10.7.7.1,x",
        "invalid gateway address: x (such as 10.1.2.3 or fd00::3)",
    ),
    (network(), "A=1", 'ARGS: unknown args ["A=1"] (IgnoreUnknown=1 lets other keys pass)'),
    (
        network(args={"cni": {"ips": ["10.7.7.7/24", "ten"]}}),
        "",
        f"args.cni.ips[1]: an entry in the 'ips' field is NOT in CIDR notation, got: 'ten'{HINT}",
    ),
    (
        network(runtimeConfig={"ips": ["10.7.7.7"]}),
        "",
        f"runtimeConfig.ips[0]: an entry in the 'ips' field is NOT in CIDR notation, got: '10.7.7.7'{HINT}",
    ),
    (
        network(FOUR, "10.7.8.7/24", version="0.2.0"),
        "",
        "CNI version 0.2.0 does not support more than 1 address per family "
        "(leave one address a family, or set cniVersion to 0.3.0 or newer)",
    ),
    (
        network(FOUR, ipam_routes=[{"dst": "ten"}]),
        "",
        'ipam.routes[0].dst: invalid CIDR address: "ten" (such as 10.1.2.3/24 or fd00::3/64)',
    ),
    (
        network(FOUR, ipam_dns={"search": "a b"}),
        "",
        "ipam.dns.search: expected a list, got the text 'a b' (Domains to search in, in order)",
    ),
    (
        conf("static", ipam={"addresses": ["10.7.7.7/24"]}),
        "",
        "ipam.addresses[0]: expected an object, got the text '10.7.7.7/24' (An address and its gateway)",
    ),
]


@pytest.mark.parametrize(("given", "args", "words"), WRONG)
def test_a_wrong_configuration_is_refused(given: dict[str, Any], args: str, words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        ours.add(given, args=args)
    assert str(caught.value) == words


@pytest.mark.peer
@pytest.mark.parametrize(("given", "args", "words"), WRONG)
def test_the_reference_refuses_it_too(given: dict[str, Any], args: str, words: str, peers: Path) -> None:
    with pytest.raises(PluginFailed) as caught:
        Reference(program=peers / "static").add(given, args=args)
    assert caught.value.code == 999


@pytest.mark.parametrize(("given", "args", "words"), WRONG)
def test_delete_and_gc_do_not_mind_and_status_does(given: dict[str, Any], args: str, words: str) -> None:
    ours.delete(given, args=args)
    ours.gc(given)
    if not args:
        with pytest.raises(InvalidConfig) as caught:
            ours.status(given)
        assert str(caught.value) == words


def test_status_is_content_with_a_configuration_that_can_be_read() -> None:
    ours.status(network(FOUR))


def test_check_is_content_with_what_add_gave_whatever_else_is_there() -> None:
    given = network(FOUR, SIX, "10.7.8.7/24")
    answered = ours.add(given)
    ours.check(given, prev=answered.but(ips=(*answered.ips, ip("192.0.2.1/24"))))


@pytest.mark.parametrize(
    ("prev", "words"),
    [
        (None, "Required prevResult missing (CHECK is given what ADD answered)"),
        (
            Result(ips=(ip("10.7.7.8/24", "10.7.7.1"),)),
            "static: Failed to find addr 10.7.7.7 on interface eth0 "
            "(it was configured after ADD, or a later plugin took it out of the result)",
        ),
        (
            Result(ips=(ip("10.7.7.7/24", "10.7.7.2"),)),
            "static: Failed to match addr 10.7.7.7 on interface eth0 "
            "(its gateway is 10.7.7.2 in prevResult, 10.7.7.1 is configured)",
        ),
        (
            Result(ips=(ip("10.7.7.7/24"), ip("10.7.7.7/24", "10.7.7.1"))),
            "static: Failed to match addr 10.7.7.7 on interface eth0 "
            "(its gateway is none in prevResult, 10.7.7.1 is configured)",
        ),
    ],
)
def test_check_fails_when_an_address_is_missing_or_has_another_gateway(
    prev: Result | None, words: str
) -> None:
    with pytest.raises(CheckFailed) as caught:
        ours.check(network(FOUR), prev=prev)
    assert str(caught.value) == words


def test_a_gateway_that_is_not_configured_may_be_any() -> None:
    ours.check(network("10.7.7.7/24"), prev=Result(ips=(ip("10.7.7.7/24", "10.7.7.2"),)))


VALUES = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["10.1.2.3/24", "fd00::3/64", "10.1.2.3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["address", "gateway", "Gateway", "dst", "search"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@supposing(
    st.dictionaries(st.sampled_from(["addresses", "routes", "dns"]), VALUES),
    VALUES,
    VALUES,
    st.text(max_size=12).map("IP={}".format) | st.text(max_size=12),
)
def test_whatever_is_given_is_read_or_refused_by_an_error_of_ours(
    ipam: Any, runtime: Any, args: Any, cni_args: str
) -> None:
    with suppress(MultinetError):
        ours.add(
            conf("static", ipam=ipam, runtimeConfig={"ips": runtime}, args={"cni": {"ips": args}}),
            args=cni_args,
        )
