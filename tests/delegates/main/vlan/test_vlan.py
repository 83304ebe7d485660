"""vlan on a kernel with 8021q: what is on the wire, and the decisions of its README.md by their names."""

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
from tests.support.frames import first_arp
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]

PEER = "10.1.2.200"


@pytest.fixture
def lan(host: Netns, netns: Callable[..., Netns]) -> Netns:
    """What the master ``up0`` leads to: another machine, with an address in VLAN 10 and the same in VLAN 20."""
    made = netns("lan")
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", made.name)
    host.ip("link", "set", "up0", "up")
    made.ip("link", "set", "eth0", "up")
    for vlan in ("10", "20"):
        made.ip("link", "add", "link", "eth0", "name", f"v{vlan}", "type", "vlan", "id", vlan)
        made.ip("link", "set", f"v{vlan}", "up")
    made.ip("addr", "add", f"{PEER}/24", "dev", "v10")
    return made


def vlan(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "vlan", "master": "up0", "vlanId": 10, **keys}


def test_what_the_container_sends_is_tagged_and_arrives_in_its_vlan_only(attach, pods, lan, ranges):
    first, second = pods(2)
    ipam = ranges("10.1.2.0/24", "fd01:2::/64")
    attach(first, vlan(ipam=ipam)).add().check()
    said = first_arp(lan, "eth0", lambda: pings(first, PEER))
    assert "ethertype 802.1Q" in said
    assert "vlan 10," in said
    until(lambda: pings(first, PEER), what="a ping in VLAN 10")
    attach(second, vlan(vlanId=20, ipam=ipam), "c2").add().check()
    assert not pings(second, PEER, seconds=0.3)
    lan.ip("addr", "delete", f"{PEER}/24", "dev", "v10")
    lan.ip("addr", "add", f"{PEER}/24", "dev", "v20")
    until(lambda: pings(second, PEER), what="a ping in VLAN 20")
    assert not pings(first, PEER, seconds=0.3)


def test_both_families_and_the_masters_mac(attach, pod, host: Netns, lan, ranges):
    one = attach(pod, vlan(ipam=ranges("10.1.2.0/24", "fd01:2::/64"))).add()
    lan.ip("addr", "add", "fd01:2::99/64", "dev", "v10", "nodad")
    until(lambda: pings(pod, "fd01:2::99"), what="an IPv6 ping")
    (master,) = host.json("ip", "-j", "link", "show", "up0")
    assert one.result["interfaces"] == [{"name": "eth0", "mac": master["address"], "sandbox": pod.path}]


def test_the_mtu_is_the_masters_unless_a_smaller_one_is_asked_for(attach, pods, host: Netns, lan, ranges):
    first, second = pods(2)
    host.ip("link", "set", "up0", "mtu", "1450")
    attach(first, vlan(mtu=1400, ipam=ranges("10.1.2.0/24"))).add().check()
    attach(second, vlan(vlanId=20, ipam=ranges("10.1.2.0/24")), "c2").add()
    mtus = [pod.json("ip", "-j", "link", "show", "eth0")[0]["mtu"] for pod in (first, second)]
    assert mtus == [1400, 1450]
    assert refusal(attach(second, vlan(mtu=1451, ipam=ranges("10.1.2.0/24")), "c3", ifname="net1").add) == (
        "invalid MTU 1451, must be [0, master MTU(1450)]"
    )


def test_the_master_may_be_in_the_container(attach, pod, host: Netns, lan, ranges):
    host.ip("link", "set", "up0", "netns", pod.name)
    pod.ip("link", "set", "up0", "up")
    attach(pod, vlan(linkInContainer=True, ipam=ranges("10.1.2.0/24"))).add().check()
    until(lambda: pings(pod, PEER), what="a ping to the LAN")


def test_the_name_may_be_that_of_a_link_of_the_host(attach, pod, host: Netns, lan, ranges):
    """This kernel looks for it there, too."""
    host.ip("link", "add", "eth0", "type", "bridge")
    attach(pod, vlan(ipam=ranges("10.1.2.0/24"))).add().check()
    until(lambda: pings(pod, PEER), what="a ping to the LAN")
    assert sorted(host.links()) == ["eth0", "up0"]


def test_a_vlan_that_another_link_has_is_refused(attach, pods, host: Netns, lan, ranges, state: Path):
    first, second = pods(2)
    conf = vlan(ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add()
    taken = "VLAN 10 of up0 is in use by another link, of a container or of the node"
    assert refusal(attach(second, conf, "c2").add) == taken
    host.ip("link", "add", "eth0", "type", "bridge")  # then this kernel refuses the name first
    assert refusal(attach(second, conf, "c2").add) == taken
    assert (second.links(), reserved(state)) == ([], ["10.1.2.2"])


def test_a_master_that_is_down_is_told_by_its_name(attach, pod, host: Netns, lan, ranges, state: Path):
    host.ip("link", "set", "up0", "down")
    assert refusal(attach(pod, vlan(ipam=ranges("10.1.2.0/24"))).add) == (
        "the master up0 is down, and so no VLAN on it can be up"
    )
    assert (pod.links(), reserved(state)) == ([], [])


def anew(one: Attachment, *kind: str, on: str) -> None:
    """The same name and MAC, but another link."""
    mac = one.result["interfaces"][0]["mac"]
    one.pod.ip("link", "delete", "eth0")
    one.host.ip("link", "add", "link", on, "name", "eth0", "address", mac, "netns", one.pod.name, *kind)


def on_another(one: Attachment) -> None:
    one.host.ip("link", "add", "other", "type", "veth", "peer", "name", "other-peer")
    anew(one, "type", "vlan", "id", "10", on="other")


DAMAGES = [
    ADDRESS_REMOVED,
    ROUTE_REMOVED,
    Damage(
        what="it is another VLAN",
        do=lambda one: anew(one, "type", "vlan", "id", "11", on="up0"),
        said="Container interface eth0 has VLAN ID 11, 10 is configured",
    ),
    Damage(
        what="it is no VLAN",
        do=lambda one: anew(one, "type", "macvlan", on="up0"),
        said="Container interface eth0 not of type vlan",
    ),
    Damage(
        what="the MTU was changed",
        do=in_pod("link", "set", "eth0", "mtu", "1300"),
        said="Container interface eth0 has MTU 1300, 1400 is configured",
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
    """D-10 is among them: DEL does not miss the master."""
    ipam = ranges("10.1.2.0/24", routes=[{"dst": "10.9.0.0/16"}])
    one = attach(pod, vlan(mtu=1400, ipam=ipam)).add()
    is_seen_and_goes(damage, one)
    assert (pod.links(), reserved(state)) == ([], [])


def test_what_fails_after_the_link_was_made_leaves_no_link_and_no_address(
    attach, pod, lan, ranges, state: Path
):
    """D-9"""
    full = attach(pod, vlan(ipam={"type": "static"}))
    assert refusal(full.add) == "[static]: IPAM plugin returned missing IP config"
    routes = [{"dst": "10.9.0.0/16", "gw": "192.0.2.9"}]
    assert refusal(attach(pod, vlan(ipam=ranges("10.1.2.0/24", routes=routes))).add) == (
        "could not add route to 10.9.0.0/16 via 192.0.2.9 dev eth0: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )
    assert (pod.links(), reserved(state)) == ([], [])


def test_mtu_and_advmss_of_routes_are_installed(attach, pod, lan, ranges):
    """D-2, and D-3: CHECK passes for a route in a table of its own."""
    routes = [{"dst": "10.9.0.0/16", "gw": PEER, "mtu": 1300, "advmss": 1200, "table": 100}]
    attach(pod, vlan(ipam=ranges("10.1.2.0/24", routes=routes))).add().check()
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
    assert attach(first, vlan(ipam=ipam)).add().result["dns"] == {"nameservers": ["10.1.2.53"]}
    conf = vlan(vlanId=20, ipam=ipam, dns={"search": ["here.example"]})
    assert attach(second, conf, "c2").add().result["dns"] == {"search": ["here.example"]}


def test_gc_frees_what_is_no_longer_attached(attach, pods, lan, ranges, state: Path):
    """D-19"""
    first, second = pods(2)
    ipam = ranges("10.1.2.0/24")
    attach(first, vlan(ipam=ipam)).add()
    kept = attach(second, vlan(vlanId=20, ipam=ipam), "c2").add()
    kept.gc(("c2", "eth0"))
    assert reserved(state) == [kept.address]
