"""macvlan on the real kernel: who hears whom in each mode, and the decisions of its README.md by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.delegates.damage import (
    ADDRESS_REMOVED,
    INTERFACE_REMOVED,
    MAC_CHANGED,
    MASTER_REMOVED,
    ROUTE_REMOVED,
    Damage,
    each,
    in_pod,
    is_seen_and_goes,
)
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel


@pytest.fixture
def lan(host: Netns, netns: Callable[..., Netns]) -> Netns:
    """What the master ``up0`` leads to: another machine on the LAN, 10.1.2.200."""
    made = netns("lan")
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", made.name)
    made.ip("addr", "add", "10.1.2.200/24", "dev", "eth0")
    made.ip("link", "set", "eth0", "up")
    host.ip("link", "set", "up0", "up")
    return made


def macvlan(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "master": "up0", **keys}


@pytest.mark.parametrize(
    ("mode", "neighbours"), [("bridge", True), ("private", False), ("vepa", False), ("", True)]
)
def test_all_modes_reach_the_lan_and_only_bridge_mode_the_neighbour(
    attach, pods, lan, ranges, mode: str, neighbours: bool
):
    """In vepa mode the neighbour is reached when the switch sends frames back, which this one does not."""
    first, second = pods(2)
    conf = macvlan(mode=mode, ipam=ranges("10.1.2.0/24"))
    one = attach(first, conf).add()
    other = attach(second, conf, "c2").add()
    until(lambda: pings(first, "10.1.2.200") and pings(second, "10.1.2.200"), what="pings to the LAN")
    until(lambda: pings(lan, one.address), what="a ping from the LAN")
    if neighbours:
        until(lambda: pings(first, other.address), what="a ping to the neighbour")
    else:
        assert not pings(first, other.address, seconds=0.3)


def test_passthru_gives_the_masters_mac_and_all_its_traffic(attach, pod, host: Netns, lan, ranges):
    one = attach(pod, macvlan(mode="passthru", ipam=ranges("10.1.2.0/24"))).add()
    (master,) = host.json("ip", "-j", "link", "show", "up0")
    assert one.result["interfaces"][0]["mac"] == master["address"]
    until(lambda: pings(pod, "10.1.2.200"), what="a ping to the LAN")
    one.check()


def test_both_families_and_a_mac_that_was_asked_for(attach, pods, lan, ranges):
    first, second = pods(2)
    conf = macvlan(mac="02:11:22:33:44:55", ipam=ranges("10.1.2.0/24", "fd01:2::/64"))
    one = attach(first, conf).add()
    attach(second, macvlan(ipam=conf["ipam"]), "c2").add()
    until(lambda: pings(second, one.addresses[1].partition("/")[0]), what="an IPv6 ping")
    neighbours = second.json("ip", "-6", "-j", "neigh", "show", "dev", "eth0")
    assert "02:11:22:33:44:55" in {entry.get("lladdr") for entry in neighbours}


def test_the_mtu_is_the_masters_unless_a_smaller_one_is_asked_for(attach, pods, host: Netns, lan, ranges):
    first, second = pods(2)
    host.ip("link", "set", "up0", "mtu", "1450")
    attach(first, macvlan(mtu=1400, ipam=ranges("10.1.2.0/24"))).add()
    attach(second, macvlan(), "c2").add()
    until(lambda: pings(first, "10.1.2.200", "-M", "do", "-s", "1372"), what="a ping that fills the MTU")
    assert not pings(first, "10.1.2.200", "-M", "do", "-s", "1373", seconds=0.3)
    assert second.json("ip", "-j", "link", "show", "eth0")[0]["mtu"] == 1450
    assert refusal(attach(second, macvlan(mtu=1451), "c3", ifname="net1").add) == (
        "invalid MTU 1451, must be [0, master MTU(1450)]"
    )


def test_the_master_may_be_in_the_container(attach, pod, host: Netns, lan, netns, ranges):
    host.ip("link", "set", "up0", "netns", pod.name)
    pod.ip("link", "set", "up0", "up")
    attach(pod, macvlan(linkInContainer=True, ipam=ranges("10.1.2.0/24"))).add().check()
    until(lambda: pings(pod, "10.1.2.200"), what="a ping to the LAN")


def test_the_default_route_names_the_master_when_nobody_does(attach, pod, host: Netns, lan, ranges):
    conf = {**macvlan(ipam=ranges("10.1.2.0/24")), "master": ""}
    assert refusal(attach(pod, conf).add) == "no default route interface found"
    host.ip("addr", "add", "10.1.2.9/24", "dev", "up0")
    host.ip("route", "add", "default", "via", "10.1.2.200")
    one = attach(pod, conf).add()
    until(lambda: pings(pod, "10.1.2.200"), what="a ping to the LAN")
    one.check()
    host.ip("route", "delete", "default")
    one.delete()  # DEL never asks who the master was
    assert pod.links() == []


def on_another(one: Attachment) -> None:
    """The same name, kind and MAC, on another link."""
    mac = one.result["interfaces"][0]["mac"]
    one.pod.ip("link", "delete", "eth0")
    one.host.ip("link", "add", "other", "type", "veth", "peer", "name", "other-peer")
    one.host.ip(
        *("link", "add", "link", "other", "name", "eth0", "netns", one.pod.name),
        *("address", mac, "type", "macvlan", "mode", "bridge"),
    )


DAMAGES = [
    ADDRESS_REMOVED,
    ROUTE_REMOVED,
    Damage(
        what="the mode was changed",
        do=in_pod("link", "set", "eth0", "type", "macvlan", "mode", "private"),
        said="container macvlan mode private does not match expected value: bridge",
    ),
    MAC_CHANGED,
    MASTER_REMOVED,
    INTERFACE_REMOVED,
    Damage(
        what="the interface stands on another link",
        do=on_another,
        said="Container interface eth0 does not stand on up0",
    ),
]


@each(*DAMAGES)
def test_damage_is_seen_and_cleared_up_after(damage: Damage, attach, pod, lan, ranges, state: Path):
    one = attach(pod, macvlan(ipam=ranges("10.1.2.0/24", routes=[{"dst": "10.9.0.0/16"}]))).add()
    is_seen_and_goes(damage, one)
    assert (pod.links(), reserved(state)) == ([], [])


def test_no_address_left_leaves_no_link(attach, pods, lan, ranges, state: Path):
    """D-9"""
    first, second = pods(2)
    conf = macvlan(ipam=ranges("10.1.2.0/30"))
    attach(first, conf).add()
    assert refusal(attach(second, conf, "c2").add) == (
        "[host-local]: failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.2"
    )
    assert (second.links(), reserved(state)) == ([], ["10.1.2.2"])


def test_a_route_that_can_not_be_made_leaves_no_link_and_no_address(attach, pod, lan, ranges, state: Path):
    """D-9, after IPAM."""
    routes = [{"dst": "10.9.0.0/16", "gw": "192.0.2.9"}]
    one = attach(pod, macvlan(ipam=ranges("10.1.2.0/24", routes=routes)))
    assert refusal(one.add) == (
        "could not add route to 10.9.0.0/16 via 192.0.2.9 dev eth0: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )
    assert (pod.links(), reserved(state)) == ([], [])


def test_mtu_and_advmss_of_routes_are_installed(attach, pod, lan, ranges):
    """D-2, and D-3: CHECK passes for a route in a table of its own."""
    routes = [{"dst": "10.9.0.0/16", "gw": "10.1.2.200", "mtu": 1300, "advmss": 1200, "table": 100}]
    attach(pod, macvlan(ipam=ranges("10.1.2.0/24", routes=routes))).add().check()
    (route,) = pod.json("ip", "-j", "route", "show", "table", "100")
    assert route["metrics"] == [{"mtu": 1300, "advmss": 1200}]


def test_the_dns_of_ipam_stands_unless_the_configuration_says_something(attach, pods, lan):
    """D-8"""
    first, second = pods(2)
    ipam = {
        "type": "static",
        "addresses": [{"address": "10.1.2.3/24"}],
        "dns": {"nameservers": ["10.1.2.53"]},
    }
    assert attach(first, macvlan(ipam=ipam)).add().result["dns"] == {"nameservers": ["10.1.2.53"]}
    conf = macvlan(ipam=ipam, dns={"search": ["here.example"]})
    assert attach(second, conf, "c2").add().result["dns"] == {"search": ["here.example"]}


def test_gc_frees_what_is_no_longer_attached(attach, pods, lan, ranges, state: Path):
    """D-19"""
    first, second = pods(2)
    conf = macvlan(ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add()
    kept = attach(second, conf, "c2").add()
    kept.gc(("c2", "eth0"))
    assert reserved(state) == [kept.address]


def test_a_namespace_that_can_not_be_opened_is_told_with_its_path(attach, host: Netns, lan, tmp_path: Path):
    """D-24"""
    gone = Netns(name="mn-not-there")
    assert refusal(attach(gone, macvlan()).add) == (
        f'failed to open netns "{gone.path}": failed to Statfs "{gone.path}": no such file or directory'
    )
