"""sbr on the real kernel: which way packets leave, and the decisions of its README.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel

FAR = "192.0.2.1"
"""A machine that both networks lead to."""

Attach = Callable[..., Attachment]


def routes(pod: Netns, table: int | str, *family: str) -> list[str]:
    """``10.1.2.0/24 dev eth0 scope link src 10.1.2.2``, without who made it; sorted."""
    shown = pod.json("ip", "-j", *family, "route", "show", "table", str(table))
    return sorted(
        " ".join(
            f"{key} {entry[key]}" for key in ("dst", "gateway", "dev", "scope", "prefsrc") if key in entry
        )
        for entry in shown
        if not entry["dst"].startswith("fe80")
    )


def sources(pod: Netns, *family: str) -> list[tuple[str, str]]:
    """Source and table of each rule that has a source."""
    shown = pod.json("ip", "-j", *family, "rule", "show")
    return [(rule["src"], rule["table"]) for rule in shown if rule["src"] != "all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoWays:
    """A pod on two networks with a gateway each, of which the second is not the default route's."""

    pod: Netns
    first: Attachment
    second: Attachment


@pytest.fixture
def two_ways(attach: Attach, pod: Netns, host: Netns, ranges: Callable[..., dict[str, Any]]) -> TwoWays:
    """FAR is on the host itself, so that it is answered over either bridge."""
    host.ip("addr", "add", f"{FAR}/32", "dev", "lo")
    host.ip("link", "set", "lo", "up")

    def network(number: int, **more: Any) -> dict[str, Any]:
        ipam = ranges(f"10.1.{number}.0/24", f"fd01:{number}::/64")
        return {
            "cniVersion": "1.1.0", "name": f"net{number}", "type": "bridge", "bridge": f"br{number}",
            "isGateway": True, "ipam": ipam, **more,
        }  # fmt: skip

    return TwoWays(
        pod=pod,
        first=attach(pod, network(1, isDefaultGateway=True), ifname="eth0").add(),
        second=attach(pod, network(2), ifname="net1").add(),
    )


def leaves_by(pod: Netns, source: str, ifname: str) -> bool:
    """What is sent from ``source`` to FAR goes out by that interface."""
    (way,) = pod.json("ip", "-j", "route", "get", FAR, "from", source)
    return bool(way["dev"] == ifname)


def counted(pod: Netns, ifname: str) -> int:
    (shown,) = pod.json("ip", "-j", "-s", "link", "show", ifname)
    return int(shown["stats64"]["tx"]["packets"])


def test_what_is_sent_from_an_address_leaves_by_its_interface(two_ways: TwoWays, chained: Attach):
    pod, second = two_ways.pod, two_ways.second
    assert not leaves_by(pod, second.address, "net1")
    one = chained(second, type="sbr").add()
    assert one.result == second.result
    assert leaves_by(pod, second.address, "net1")
    assert leaves_by(pod, two_ways.first.address, "eth0")
    for source, ifname in ((second.address, "net1"), (two_ways.first.address, "eth0")):
        until(lambda source=source: pings(pod, FAR, "-I", source), what=f"an answer to {source}")
        before = counted(pod, ifname)
        assert pings(pod, FAR, "-I", source)
        assert counted(pod, ifname) > before
    one.check()


def test_the_routes_are_in_tables_of_the_addresses(two_ways: TwoWays, chained: Attach):
    pod, second = two_ways.pod, two_ways.second
    chained(second, type="sbr").add()
    assert sources(pod) == [(second.address, "100")]
    assert sources(pod, "-6") == [("fd01:2::2", "101")]
    assert routes(pod, 100) == [
        "dst 10.1.2.0/24 dev net1 scope link prefsrc 10.1.2.2",
        "dst default gateway 10.1.2.1 dev net1",
    ]
    assert routes(pod, 101, "-6") == ["dst default gateway fd01:2::1 dev net1", "dst fd01:2::/64 dev net1"]
    assert not [line for line in routes(pod, "main") + routes(pod, "main", "-6") if "net1" in line]


def test_a_second_one_takes_other_tables(two_ways: TwoWays, chained: Attach):
    chained(two_ways.second, type="sbr").add()
    two_ways.pod.ip("route", "add", "198.51.100.0/24", "dev", "eth0", "table", "102")
    chained(two_ways.first, type="sbr").add().check()
    assert sources(two_ways.pod) == [("10.1.1.2", "103"), ("10.1.2.2", "100")]
    assert sources(two_ways.pod, "-6") == [("fd01:1::2", "104"), ("fd01:2::2", "101")]


def test_gateways_may_be_others_than_those_of_the_addresses(two_ways: TwoWays, chained: Attach):
    chained(two_ways.second, type="sbr", gateways=["fd01:2::99", "10.1.2.99"]).add().check()
    assert "dst default gateway 10.1.2.99 dev net1" in routes(two_ways.pod, 100)
    assert "dst default gateway fd01:2::99 dev net1" in routes(two_ways.pod, 101, "-6")


def test_source_hints_leave_the_subnets_in_the_main_table(two_ways: TwoWays, chained: Attach):
    pod = two_ways.pod
    pod.ip("route", "add", "198.51.100.0/24", "via", "10.1.2.1")
    one = chained(two_ways.second, type="sbr", addSourceHints=True).add()
    assert [line for line in routes(pod, "main") if "net1" in line] == [
        "dst 10.1.2.0/24 dev net1 scope link prefsrc 10.1.2.2"
    ]
    assert [line for line in routes(pod, "main", "-6") if "net1" in line] == [
        "dst fd01:2::/64 dev net1 prefsrc fd01:2::2"
    ]
    assert "dst 198.51.100.0/24 gateway 10.1.2.1 dev net1" in routes(pod, 100)
    one.check()
    one.delete()
    assert (sources(pod), routes(pod, 100)) == ([], [])


def test_with_a_table_there_are_only_rules(two_ways: TwoWays, chained: Attach):
    pod = two_ways.pod
    before = routes(pod, "main"), routes(pod, "main", "-6")
    one = chained(two_ways.second, type="sbr", table=5000).add()
    assert sources(pod) + sources(pod, "-6") == [("10.1.2.2", "5000"), ("fd01:2::2", "5000")]
    assert (routes(pod, "main"), routes(pod, "main", "-6")) == before
    one.check()
    pod.ip("rule", "add", "from", "10.1.2.2", "table", "6000")
    one.delete()
    assert (sources(pod), sources(pod, "-6")) == ([("10.1.2.2", "6000")], [])


def test_del_puts_the_routes_back_but_for_default_routes(two_ways: TwoWays, chained: Attach):
    pod = two_ways.pod
    pod.ip("route", "add", "198.51.100.0/24", "via", "10.1.2.1", "metric", "7")
    pod.ip("route", "add", "default", "via", "10.1.2.1", "metric", "50")
    before = routes(pod, "main"), routes(pod, "main", "-6")
    one = chained(two_ways.second, type="sbr").add()
    one.delete()
    assert (sources(pod), sources(pod, "-6"), routes(pod, 100), routes(pod, 101, "-6")) == ([], [], [], [])
    without_default = [line for line in before[0] if line != "dst default gateway 10.1.2.1 dev net1"]
    assert (routes(pod, "main"), routes(pod, "main", "-6")) == (without_default, before[1])
    one.delete()


def test_a_network_on_the_same_subnet_keeps_its_routes(two_ways: TwoWays, chained: Attach, attach: Attach):
    """IPv6 takes a route of another interface for the one that is to be replaced."""
    pod = two_ways.pod
    again = attach(pod, two_ways.second.conf, ifname="net2").add()

    def of_net1() -> list[str]:
        return [line for line in routes(pod, "main") + routes(pod, "main", "-6") if "net1" in line]

    before = of_net1()
    for hints in (False, True):
        one = chained(again, type="sbr", addSourceHints=hints).add()
        assert of_net1() == before
        one.check()
        one.delete()
        assert of_net1() == before


def test_del_finds_the_rules_when_the_interface_is_gone(two_ways: TwoWays, chained: Attach):
    """D-13, and more."""
    one = chained(two_ways.second, type="sbr").add()
    two_ways.pod.ip("link", "delete", "net1")
    one.delete()
    assert sources(two_ways.pod) + sources(two_ways.pod, "-6") == []


def test_del_without_a_result_finds_them_by_the_interface(two_ways: TwoWays, chained: Attach):
    one = chained(two_ways.second, type="sbr").add()
    one.delete(prevResult=None)
    assert sources(two_ways.pod) + sources(two_ways.pod, "-6") == []


DAMAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "the rule": (
        ("rule", "delete", "from", "10.1.2.2"),
        "there is no rule that 10.1.2.2 looks into a table of its own",
    ),
    "the way out": (
        ("route", "delete", "default", "table", "100"),
        "table 100 of net1 has no default route over 10.1.2.1",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_check_sees_what_was_removed_after_add(two_ways: TwoWays, chained: Attach, damage: str):
    one = chained(two_ways.second, type="sbr").add()
    one.check()
    words, said = DAMAGES[damage]
    two_ways.pod.ip(*words)
    assert refusal(one.check) == said


def test_check_sees_that_a_rule_leads_elsewhere(two_ways: TwoWays, chained: Attach):
    one = chained(two_ways.second, type="sbr", table=5000).add()
    two_ways.pod.ip("rule", "delete", "from", "10.1.2.2")
    two_ways.pod.ip("rule", "add", "from", "10.1.2.2", "table", "5001")
    assert refusal(one.check) == "there is no rule that 10.1.2.2 looks into table 5000"


def test_what_cannot_be_reached_leaves_all_as_it_was(two_ways: TwoWays, chained: Attach):
    pod = two_ways.pod
    pod.ip("route", "add", "default", "via", "10.1.2.1", "metric", "50")
    before = routes(pod, "main"), routes(pod, "main", "-6"), sources(pod)
    assert refusal(chained(two_ways.second, type="sbr", gateways=["198.51.100.1"]).add) == (
        "could not add route to 0.0.0.0/0 via 198.51.100.1 dev net1: Network is unreachable "
        "(Nexthop has invalid gateway)"
    )
    assert (routes(pod, "main"), routes(pod, "main", "-6"), sources(pod)) == before
    assert routes(pod, 100) == []


def test_addresses_of_other_interfaces_are_left_alone(two_ways: TwoWays, chained: Attach):
    result = {**two_ways.second.result, "ips": [{"address": "10.1.2.2/24", "interface": 0}]}
    one = chained(two_ways.second, type="sbr").but(
        conf={"cniVersion": "1.1.0", "name": "net", "type": "sbr", "prevResult": result}
    )
    assert refusal(one.add) == "No IP addresses supplied on interface: net1"
