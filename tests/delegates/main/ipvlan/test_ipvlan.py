"""ipvlan on a kernel that has it: who reaches whom in each mode, and the decisions of its README.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.delegates.damage import (
    ADDRESS_REMOVED,
    INTERFACE_REMOVED,
    MASTER_REMOVED,
    ROUTE_REMOVED,
    Damage,
    each,
    is_seen_and_goes,
)
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]

PEER = "10.1.2.200"


@pytest.fixture
def lan(host: Netns, netns: Callable[..., Netns]) -> Netns:
    """What the master ``up0`` leads to: another machine on the LAN."""
    made = netns("lan")
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", made.name)
    made.ip("addr", "add", f"{PEER}/24", "dev", "eth0")
    made.ip("link", "set", "eth0", "up")
    host.ip("link", "set", "up0", "up")
    return made


def ipvlan(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "ipvlan", "master": "up0", **keys}


def mode_of(pod: Netns) -> str:
    (link,) = pod.json("ip", "-d", "-j", "link", "show", "eth0")
    return str(link["linkinfo"]["info_data"]["mode"])


@pytest.mark.parametrize("mode", ["", "l2", "l3", "l3s"])
def test_containers_reach_each_other_in_each_mode(attach, pods, lan, ranges, mode: str):
    first, second = pods(2)
    conf = ipvlan(mode=mode, ipam=ranges("10.1.2.0/24", "fd01:2::/64"))
    attach(first, conf).add().check()
    other = attach(second, conf, "c2").add()
    for address in other.addresses:
        address = address.partition("/")[0]
        until(lambda address=address: pings(first, address), what=f"a ping to {address}")
    assert mode_of(first) == (mode or "l2")


def test_the_lan_sees_one_mac_for_all(attach, pods, host: Netns, lan, ranges):
    conf = ipvlan(ipam=ranges("10.1.2.0/24"))
    for number, pod in enumerate(pods(2), 1):
        one = attach(pod, conf, f"c{number}").add()
        until(lambda pod=pod: pings(pod, PEER), what="a ping to the LAN")
        until(lambda one=one: pings(lan, one.address), what="a ping from the LAN")
    (master,) = host.json("ip", "-j", "link", "show", "up0")
    assert one.result["interfaces"] == [{"name": "eth0", "mac": master["address"], "sandbox": one.pod.path}]
    neighbours = {entry["dst"]: entry["lladdr"] for entry in lan.json("ip", "-4", "-j", "neigh")}
    assert neighbours == {"10.1.2.2": master["address"], "10.1.2.3": master["address"]}


def test_a_network_with_another_mode_changes_it_for_all_and_check_tells(attach, pods, lan, ranges):
    first, second = pods(2)
    one = attach(first, ipvlan(ipam=ranges("10.1.2.0/24"))).add()
    attach(second, ipvlan(mode="l3", ipam=ranges("10.1.2.0/24")), "c2").add()
    assert refusal(one.check) == "container ipvlan mode l3 does not match expected value: l2"


def test_the_mtu_is_the_masters_unless_another_one_is_asked_for(attach, pods, host: Netns, lan, ranges):
    first, second = pods(2)
    host.ip("link", "set", "up0", "mtu", "1450")
    attach(first, ipvlan(mtu=1400, ipam=ranges("10.1.2.0/24"))).add()
    attach(second, ipvlan(ipam=ranges("10.1.2.0/24")), "c2").add()
    assert [pod.json("ip", "-j", "link", "show", "eth0")[0]["mtu"] for pod in (first, second)] == [1400, 1450]


def test_the_master_may_be_in_the_container(attach, pod, host: Netns, lan, ranges):
    host.ip("link", "set", "up0", "netns", pod.name)
    pod.ip("link", "set", "up0", "up")
    attach(pod, ipvlan(linkInContainer=True, ipam=ranges("10.1.2.0/24"))).add().check()
    until(lambda: pings(pod, PEER), what="a ping to the LAN")


def test_the_default_route_names_the_master_when_nobody_does(attach, pod, host: Netns, lan, ranges):
    """D-10 and D-11: neither DEL nor CHECK ask for it again."""
    conf = ipvlan(master="", ipam=ranges("10.1.2.0/24"))
    assert refusal(attach(pod, conf).add) == "no default route interface found"
    host.ip("addr", "add", "10.1.2.9/24", "dev", "up0")
    host.ip("route", "add", "default", "via", PEER)
    one = attach(pod, conf).add()
    until(lambda: pings(pod, PEER), what="a ping to the LAN")
    host.ip("route", "delete", "default")
    one.check()
    one.delete()
    assert pod.links() == []


def before(*interfaces: str, **keys: Any) -> dict[str, Any]:
    """The result of a plugin before it in the chain."""
    return {"cniVersion": "1.1.0", "interfaces": [{"name": name} for name in interfaces], **keys}


def test_in_a_chain_it_stands_on_what_was_made_and_takes_the_addresses_over(attach, pod, lan):
    previous = before(
        "up0",
        ips=[{"address": "10.1.2.77/24", "gateway": PEER, "interface": 0}],
        routes=[{"dst": "10.9.0.0/16"}],
        dns={"nameservers": ["10.1.2.53"]},
    )
    one = attach(pod, ipvlan(master="", prevResult=previous)).add()
    until(lambda: pings(pod, PEER), what="a ping to the LAN")
    assert one.addresses == ["10.1.2.77/24"]
    assert [end["name"] for end in one.result["interfaces"]] == ["eth0"]
    assert one.result["dns"] == {"nameservers": ["10.1.2.53"]}  # D-8
    one.check()
    one.delete(prevResult=before("a", "b"))  # D-10
    assert pod.links() == []


@pytest.mark.parametrize("interfaces", [(), ("up0", "up1")])
def test_in_a_chain_there_must_be_one_interface_to_stand_on(attach, pod, lan, interfaces: tuple[str, ...]):
    previous = before(*interfaces, ips=[{"address": "10.1.2.77/24"}])
    assert refusal(attach(pod, ipvlan(master="", prevResult=previous)).add) == (
        "chained master failure. PrevResult lacks a single named interface"
    )


def test_the_name_may_be_that_of_a_link_of_the_host(attach, pod, host: Netns, lan, ranges):
    """This kernel looks for it there, too."""
    host.ip("link", "add", "eth0", "type", "bridge")
    attach(pod, ipvlan(ipam=ranges("10.1.2.0/24"))).add().check()
    assert sorted(host.links()) == ["eth0", "up0"]


def anew(one: Attachment, *kind: str, on: str) -> None:
    """The same name, but another link."""
    one.pod.ip("link", "delete", "eth0")
    one.host.ip("link", "add", "link", on, "name", "eth0", "netns", one.pod.name, *kind)


def on_another(one: Attachment) -> None:
    one.host.ip("link", "add", "other", "type", "veth", "peer", "name", "other-peer")
    anew(one, "type", "ipvlan", "mode", "l2", on="other")


DAMAGES = [
    ADDRESS_REMOVED,
    ROUTE_REMOVED,
    Damage(
        what="it is no ipvlan",
        do=lambda one: anew(one, "type", "macvlan", on="up0"),
        said="Container interface eth0 not of type ipvlan",
    ),
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
    one = attach(pod, ipvlan(ipam=ranges("10.1.2.0/24", routes=[{"dst": "10.9.0.0/16"}]))).add()
    is_seen_and_goes(damage, one)
    assert (pod.links(), reserved(state)) == ([], [])


def test_what_fails_after_the_link_was_made_leaves_no_link_and_no_address(
    attach, pod, lan, ranges, state: Path
):
    """D-9"""
    assert refusal(attach(pod, ipvlan(ipam={"type": "static"})).add) == (
        "[static]: IPAM plugin returned missing IP config"
    )
    routes = [{"dst": "10.9.0.0/16", "gw": "192.0.2.9"}]
    assert refusal(attach(pod, ipvlan(ipam=ranges("10.1.2.0/24", routes=routes))).add) == (
        "could not add route to 10.9.0.0/16 via 192.0.2.9 dev eth0: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )
    assert (pod.links(), reserved(state)) == ([], [])


def test_mtu_and_advmss_of_routes_are_installed(attach, pod, lan, ranges):
    """D-2, and D-3: CHECK passes for a route in a table of its own."""
    routes = [{"dst": "10.9.0.0/16", "gw": PEER, "mtu": 1300, "advmss": 1200, "table": 100}]
    attach(pod, ipvlan(ipam=ranges("10.1.2.0/24", routes=routes))).add().check()
    (route,) = pod.json("ip", "-j", "route", "show", "table", "100")
    assert route["metrics"] == [{"mtu": 1300, "advmss": 1200}]


def test_gc_frees_what_is_no_longer_attached(attach, pods, lan, ranges, state: Path):
    """D-19"""
    first, second = pods(2)
    conf = ipvlan(ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add()
    kept = attach(second, conf, "c2").add()
    kept.gc(("c2", "eth0"))
    assert reserved(state) == [kept.address]
