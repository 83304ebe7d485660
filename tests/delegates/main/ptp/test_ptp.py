"""ptp on the real kernel: traffic through the host, and the decisions of its README.md by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.delegates.damage import (
    ADDRESS_REMOVED,
    INTERFACE_REMOVED,
    MAC_CHANGED,
    Damage,
    each,
    in_pod,
    is_seen_and_goes,
)
from tests.faults import facts
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel

DUAL = ("10.1.2.0/24", "fd01:2::/64")


def ptp(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "ptp", **keys}


def test_containers_reach_one_another_through_the_host_by_both_families(attach, pods, ranges):
    first, second = pods(2)
    conf = ptp(ipam=ranges(*DUAL))
    attach(first, conf).add()
    other = attach(second, conf, "c2").add()
    for address in (*(one.partition("/")[0] for one in other.addresses), "10.1.2.1", "fd01:2::1"):
        until(lambda address=address: pings(first, address), what=f"a ping to {address}")
    # One hop lies between them, though their subnet is the same: a time to live of one ends at the host.
    assert not pings(first, other.address, "-t", "1", seconds=0.3)
    assert pings(first, "10.1.2.1", "-t", "1")


def test_the_mtu_holds_from_end_to_end(attach, pods, ranges):
    first, second = pods(2)
    conf = ptp(mtu=1400, ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add()
    other = attach(second, conf, "c2").add()
    until(lambda: pings(first, other.address, "-M", "do", "-s", "1372"), what="a ping that fills the MTU")
    assert not pings(first, other.address, "-M", "do", "-s", "1373", seconds=0.3)


def test_a_neighbour_that_leaves_takes_its_routes_along_and_no_others(attach, pods, host: Netns, ranges):
    first, second, third = pods(3)
    conf = ptp(ipam=ranges(*DUAL))
    one = attach(first, conf).add()
    before = facts.of_host(host)
    other = attach(second, conf, "c2").add()
    other.delete()
    until(lambda: facts.of_host(host) == before, what="the host to be as before")
    attach(third, conf, "c3").add()
    until(lambda: pings(third, one.address), what="a ping to who stayed")


DAMAGES = [
    ADDRESS_REMOVED,
    Damage(
        what="the route to the subnet was removed",
        do=in_pod("route", "delete", "10.1.2.0/24"),
        said="Failed to find Gateway 10.1.2.1 for interface eth0",
    ),
    Damage(
        what="the default route was removed",
        do=in_pod("route", "delete", "default"),
        said="Expected Route {Dst:{IP:0.0.0.0 Mask:00000000} GW:<nil> MTU:0 AdvMSS:0 Priority:0 "
        "Table:<nil> Scope:<nil>} not found in routing table",
    ),
    MAC_CHANGED,
    INTERFACE_REMOVED,
    Damage(
        what="the host's end was removed",
        do=lambda one: one.host.ip("link", "delete", one.host_end),
        said="Cannot find container link eth0",
    ),
    Damage(
        what="the masquerading was flushed",
        do=lambda one: one.host.run("nft", "flush", "table", "inet", "cni_plugins_masquerade"),
        said="10.1.2.2, fd01:2::2 of eth0 should be masqueraded and is not",
    ),
]


@each(*DAMAGES)
def test_damage_is_seen_and_cleared_up_after(damage: Damage, attach, pod, host: Netns, ranges, state: Path):
    ipam = ranges(*DUAL, routes=[{"dst": "0.0.0.0/0"}])
    one = attach(pod, ptp(ipMasq=True, ipMasqBackend="nftables", ipam=ipam)).add()
    is_seen_and_goes(damage, one)
    assert (pod.links(), host.links(), reserved(state)) == ([], [], [])
    assert [fact for fact in facts.of_host(host) if fact.startswith("nft") and "eth0" in fact] == []


def test_an_address_without_a_gateway_is_refused_in_a_sentence(attach, pod, host: Netns, state: Path):
    """D-12"""
    one = attach(pod, ptp(ipam={"type": "static", "addresses": [{"address": "10.1.2.3/24"}]}))
    assert refusal(one.add) == ("IPAM gave no gateway for 10.1.2.3/24, and ptp routes everything over it")
    assert (pod.links(), host.links(), host.sysctl("net/ipv4/ip_forward")) == ([], [], "0")


def test_a_failure_in_the_midst_leaves_no_link_and_no_address(attach, pod, host: Netns, ranges, state: Path):
    routes = [{"dst": "10.9.0.0/16", "gw": "192.0.2.9"}]  # nobody can reach that gateway
    one = attach(pod, ptp(ipam=ranges("10.1.2.0/24", routes=routes)))
    assert refusal(one.add) == (
        "could not add route to 10.9.0.0/16 via 192.0.2.9 dev eth0: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )
    assert (pod.links(), host.links(), reserved(state)) == ([], [], [])


def test_mtu_and_advmss_of_routes_are_installed(attach, pod, ranges):
    """D-2"""
    routes = [{"dst": "10.9.0.0/16", "mtu": 1300, "advmss": 1200}]
    attach(pod, ptp(ipam=ranges("10.1.2.0/24", routes=routes))).add()
    (route,) = pod.json("ip", "-j", "route", "show", "10.9.0.0/16")
    assert (route["gateway"], route["metrics"]) == ("10.1.2.1", [{"mtu": 1300, "advmss": 1200}])


def test_a_route_in_a_table_of_its_own_passes_check(attach, pod, ranges):
    """D-3"""
    routes = [{"dst": "10.9.0.0/16", "table": 100}]
    one = attach(pod, ptp(ipam=ranges("10.1.2.0/24", routes=routes))).add()
    one.check()
    pod.ip("route", "flush", "table", "100")
    assert "not found in routing table" in refusal(one.check)


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
@pytest.mark.parametrize("loss", ["the addresses", "the namespace"])
def test_masquerading_goes_without_what_it_was_for(attach, pod: Netns, host: Netns, ranges, backend, loss):
    """D-4"""
    one = attach(pod, ptp(ipMasq=True, ipMasqBackend=backend, ipam=ranges("10.1.2.0/24"))).add()
    assert "10.1.2.2" in host.run("nft", "list", "ruleset").stdout
    if loss == "the addresses":
        pod.ip("addr", "flush", "dev", "eth0")
    else:
        host.run("ip", "netns", "delete", pod.name)
    one.delete()
    assert "10.1.2.2" not in host.run("nft", "list", "ruleset").stdout
    one.delete()


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_a_network_attached_twice_keeps_the_masquerading_of_the_other(
    attach, pod, host: Netns, ranges, backend
):
    """D-5"""
    conf = ptp(ipMasq=True, ipMasqBackend=backend, ipam=ranges("10.1.2.0/24"))
    one = attach(pod, conf).add()
    other = attach(pod, {**conf, "ipam": ranges("10.1.3.0/24")}, ifname="net1").add()
    one.delete()
    rules = host.run("nft", "list", "ruleset").stdout
    assert (one.address in rules, other.address in rules) == (False, True)
    other.check()


def test_gc_clears_what_is_no_longer_attached_and_spares_the_rest(
    attach, pods, host: Netns, ranges, state: Path
):
    """D-19"""
    first, second = pods(2)
    conf = ptp(ipMasq=True, ipMasqBackend="nftables", ipam=ranges("10.1.2.0/24"))
    gone, kept = attach(first, conf).add(), attach(second, conf, "c2").add()
    host.run("ip", "link", "delete", gone.host_end)
    kept.gc(("c2", "eth0"))
    rules = host.run("nft", "list", "ruleset").stdout
    assert (gone.address in rules, kept.address in rules) == (False, True)
    assert reserved(state) == [kept.address]
    kept.check()
