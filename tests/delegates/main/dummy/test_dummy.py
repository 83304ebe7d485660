"""dummy on a kernel that has it: it answers to its addresses, and the decisions of its README.md by their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]


def dummy(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "dummy", **keys}


def reserved(state: Path) -> list[str]:
    return sorted(file.name for file in state.glob("*/*") if not file.name.startswith("l"))


def test_the_container_answers_to_its_addresses_by_whichever_way_they_are_asked(attach, pod, host: Netns):
    host.ip("link", "add", "to-pod", "type", "veth", "peer", "name", "eth0", "netns", pod.name)
    for space, link, address in ((host, "to-pod", "10.1.1.1/24"), (pod, "eth0", "10.1.1.2/24")):
        space.ip("addr", "add", address, "dev", link)
        space.ip("link", "set", link, "up")
    addresses = [{"address": "198.51.100.7/32"}, {"address": "10.1.2.3/24"}]
    conf = dummy(ipam={"type": "static", "addresses": addresses})
    one = attach(pod, conf, ifname="net1").add()
    for address in ("198.51.100.7", "10.1.2.3"):
        host.ip("route", "add", address, "via", "10.1.1.2")
        until(lambda address=address: pings(host, address), what=f"a ping to {address}")
    one.check()
    (link,) = pod.json("ip", "-d", "-j", "link", "show", "net1")
    assert link["linkinfo"]["info_kind"] == "dummy"
    assert one.result["interfaces"] == [{"name": "net1", "mac": link["address"], "sandbox": pod.path}]
    one.delete()
    assert pod.links() == ["eth0"]


def test_both_families_and_routes_in_tables_of_their_own(attach, pod, ranges):
    """D-2: mtu and advmss are installed."""
    routes = [{"dst": "10.9.0.0/16", "gw": "10.1.2.200", "mtu": 1300, "advmss": 1200, "table": 100}]
    one = attach(pod, dummy(ipam=ranges("10.1.2.0/24", "fd01:2::/64", routes=routes))).add()
    one.check()
    assert sorted(pod.addresses("eth0")) == sorted(one.addresses)
    (route,) = pod.json("ip", "-j", "route", "show", "table", "100")
    assert route["metrics"] == [{"mtu": 1300, "advmss": 1200}]


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    what: str
    do: Callable[[Attachment], object]
    said: str


def in_pod(*words: str) -> Callable[[Attachment], object]:
    return lambda one: one.pod.ip(*words)


def another_kind(one: Attachment) -> None:
    mac = one.result["interfaces"][0]["mac"]
    one.pod.ip("link", "delete", "eth0")
    one.pod.ip("link", "add", "eth0", "address", mac, "type", "bridge")


DAMAGES = [
    Damage(
        what="an address was removed",
        do=in_pod("addr", "delete", "10.1.2.2/24", "dev", "eth0"),
        said="Failed to match addr 10.1.2.2/24 on interface eth0",
    ),
    Damage(
        what="a route was removed",
        do=in_pod("route", "delete", "10.9.0.0/16"),
        said="Expected Route {Dst:{IP:10.9.0.0 Mask:ffff0000} GW:<nil> MTU:0 AdvMSS:0 Priority:0 "
        "Table:<nil> Scope:<nil>} not found in routing table",
    ),
    Damage(what="it is no dummy", do=another_kind, said="Container interface eth0 not of type dummy"),
    Damage(
        what="the MAC was changed",
        do=in_pod("link", "set", "eth0", "address", "02:00:00:00:00:99"),
        said="Interface eth0 Mac NEAR doesn't match container Mac: 02:00:00:00:00:99",
    ),
    Damage(
        what="the interface was set down",
        do=in_pod("link", "set", "eth0", "down"),
        said="Interface eth0 is down",
    ),
    Damage(
        what="the interface was removed",
        do=in_pod("link", "delete", "eth0"),
        said="Cannot find container link eth0",
    ),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.what)
def test_damage_is_seen_and_cleared_up_after(damage: Damage, attach, pod, ranges, state: Path):
    one = attach(pod, dummy(ipam=ranges("10.1.2.0/24", routes=[{"dst": "10.9.0.0/16"}]))).add()
    one.check()
    near = one.result["interfaces"][0]["mac"]
    damage.do(one)
    assert refusal(one.check) == damage.said.replace("NEAR", near)
    one.delete()
    one.delete()
    assert (pod.links(), reserved(state)) == ([], [])


def test_what_fails_after_the_link_was_made_leaves_no_link_and_no_address(attach, pod, ranges, state: Path):
    """D-9"""
    assert refusal(attach(pod, dummy(ipam={"type": "static"})).add) == (
        "[static]: IPAM plugin returned missing IP config"
    )
    routes = [{"dst": "10.9.0.0/16", "gw": "192.0.2.9"}]
    assert refusal(attach(pod, dummy(ipam=ranges("10.1.2.0/24", routes=routes))).add) == (
        "could not add route to 10.9.0.0/16 via 192.0.2.9 dev eth0: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )
    assert (pod.links(), reserved(state)) == ([], [])


def test_the_dns_of_ipam_stands_unless_the_configuration_says_something(attach, pods):
    first, second = pods(2)
    ipam = {
        "type": "static",
        "addresses": [{"address": "10.1.2.3/24"}],
        "dns": {"nameservers": ["10.1.2.53"]},
    }
    assert attach(first, dummy(ipam=ipam)).add().result["dns"] == {"nameservers": ["10.1.2.53"]}
    conf = dummy(ipam=ipam, dns={"search": ["here.example"]})
    assert attach(second, conf, "c2").add().result["dns"] == {"search": ["here.example"]}


def test_gc_frees_what_is_no_longer_attached(attach, pods, ranges, state: Path):
    """D-19"""
    first, second = pods(2)
    conf = dummy(ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add()
    kept = attach(second, conf, "c2").add()
    kept.gc(("c2", "eth0"))
    assert reserved(state) == [kept.address]


def test_a_namespace_that_can_not_be_opened_is_told_with_its_path(attach):
    """D-24"""
    gone = Netns(name="mn-not-there")
    conf = dummy(ipam={"type": "static", "addresses": [{"address": "10.1.2.3/24"}]})
    assert refusal(attach(gone, conf).add) == (
        f'failed to open netns "{gone.path}": failed to Statfs "{gone.path}": no such file or directory'
    )
