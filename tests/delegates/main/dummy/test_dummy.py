"""dummy on a kernel that has it: it answers to its addresses, and the decisions of its README.md by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.delegates.damage import (
    ADDRESS_REMOVED,
    INTERFACE_REMOVED,
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

pytestmark = [pytest.mark.kernel, pytest.mark.uml]


def dummy(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "dummy", **keys}


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


def another_kind(one: Attachment) -> None:
    mac = one.result["interfaces"][0]["mac"]
    one.pod.ip("link", "delete", "eth0")
    one.pod.ip("link", "add", "eth0", "address", mac, "type", "bridge")


DAMAGES = [
    ADDRESS_REMOVED,
    ROUTE_REMOVED,
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
    INTERFACE_REMOVED,
]


@each(*DAMAGES)
def test_damage_is_seen_and_cleared_up_after(damage: Damage, attach, pod, ranges, state: Path):
    one = attach(pod, dummy(ipam=ranges("10.1.2.0/24", routes=[{"dst": "10.9.0.0/16"}]))).add()
    is_seen_and_goes(damage, one)
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
