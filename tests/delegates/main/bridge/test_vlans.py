"""VLANs of bridge, by what arrives. This needs VLAN filtering, which not every kernel has (`make test-kernels`)."""

from __future__ import annotations

from typing import Any

import pytest

from multinet import steps
from tests.support.netns import Netns
from tests.support.plugins import pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]


def bridge(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", **keys}


def vlans(host: Netns, port: str) -> dict[int, list[str]]:
    """VLAN -> flags of a port, ranges told one by one."""
    shown = host.json("bridge", "-j", "vlan", "show", "dev", port)
    return {
        number: one.get("flags", [])
        for entry in shown
        for one in entry["vlans"]
        for number in range(one["vlan"], one.get("vlanEnd", one["vlan"]) + 1)
    }


ACCESS = ["PVID", "Egress Untagged"]


def test_containers_of_a_vlan_reach_one_another_and_no_others(attach, pods, host: Netns, ranges):
    red, red2, blue = pods(3)
    ipam = ranges("10.1.2.0/24", "fd01:2::/64")
    one = attach(red, bridge(vlan=10, ipam=ipam)).add()
    two = attach(red2, bridge(vlan=10, ipam=ipam), "c2").add()
    other = attach(blue, bridge(vlan=20, ipam=ipam), "c3").add()
    for address in two.addresses:
        address = address.partition("/")[0]
        until(lambda address=address: pings(red, address), what=f"a ping to {address}")
    assert not pings(red, other.address, seconds=0.3)
    assert not pings(blue, one.address, seconds=0.3)
    assert [vlans(host, who.host_end) for who in (one, two, other)] == [
        {10: ACCESS}, {10: ACCESS}, {20: ACCESS},
    ]  # fmt: skip
    for who in (one, two, other):
        who.check()


def test_a_trunk_carries_its_vlans_tagged_and_what_has_no_tag_in_the_default_one(attach, pods, host: Netns):
    trunk, red, blue, green = pods(4)

    def fixed(address: str) -> dict[str, Any]:
        return {"type": "static", "addresses": [{"address": address}]}

    conf = bridge(vlanTrunk=[{"minID": 10, "maxID": 12}, {"id": 20}], ipam=fixed("10.1.1.1/24"))
    one = attach(trunk, conf).add()
    for place, (pod, vlan) in enumerate(((red, 10), (blue, 20), (green, 30)), 2):
        attach(pod, bridge(vlan=vlan, ipam=fixed(f"10.9.{vlan}.2/24")), f"c{place}").add()
        trunk.ip("link", "add", "link", "eth0", "name", f"eth0.{vlan}", "type", "vlan", "id", str(vlan))
        trunk.ip("addr", "add", f"10.9.{vlan}.1/24", "dev", f"eth0.{vlan}")
        trunk.ip("link", "set", f"eth0.{vlan}", "up")
    assert vlans(host, one.host_end) == {1: ACCESS, 10: [], 11: [], 12: [], 20: []}
    until(lambda: pings(trunk, "10.9.10.2") and pings(trunk, "10.9.20.2"), what="pings into the VLANs")
    assert not pings(trunk, "10.9.30.2", seconds=0.3)


def test_an_access_vlan_may_be_combined_with_a_trunk(attach, pod, host: Netns):
    one = attach(pod, bridge(vlan=5, vlanTrunk=[{"id": 7}])).add()
    assert vlans(host, one.host_end) == {5: ACCESS, 7: []}


@pytest.mark.parametrize("preserved", [True, False])
def test_vlan_1_goes_unless_it_is_to_be_preserved(attach, pods, host: Netns, preserved: bool):
    first, second = pods(2)
    one = attach(first, bridge(vlan=10, preserveDefaultVlan=preserved)).add()
    expected = {10: ACCESS} | ({1: ["Egress Untagged"]} if preserved else {})
    assert vlans(host, one.host_end) == expected
    assert vlans(host, attach(second, bridge(), "c2").add().host_end) == {1: ACCESS}


def test_the_gateway_of_a_vlan_is_a_link_of_its_own_and_serves_both_families(
    attach, pods, host: Netns, ranges
):
    red, red2, blue = pods(3)
    conf = bridge(vlan=10, isDefaultGateway=True, ipam=ranges("10.1.2.0/24", "fd01:2::/64"))
    one = attach(red, conf).add()
    assert [end["name"] for end in one.result["interfaces"]][-1] == "br0.10"
    assert (host.addresses("br0"), sorted(host.addresses("br0.10"))) == (
        [],
        ["10.1.2.1/24", "fd01:2::1/64"],
    )
    until(lambda: pings(red, "10.1.2.1") and pings(red, "fd01:2::1"), what="pings to the gateway")
    before = sorted(host.links())
    two = attach(red2, conf, "c2").add()  # which finds the gateway's link there
    assert sorted(host.links()) == sorted([*before, two.host_end])
    until(lambda: pings(red2, "10.1.2.1") and pings(red2, one.address), what="pings in the VLAN")
    stranger = bridge(vlan=20, ipam={"type": "static", "addresses": [{"address": "10.1.2.99/24"}]})
    attach(blue, stranger, "c3").add()
    assert not pings(blue, "10.1.2.1", seconds=0.3)
    for who in (one, two):
        who.check()
        who.delete()
    assert host.addresses("br0.10")  # others may use it, and whoever made it may have been somebody else


def test_two_vlans_have_a_gateway_each_with_the_same_bridge(attach, pods, host: Netns, ranges):
    red, blue = pods(2)
    attach(red, bridge(vlan=10, isDefaultGateway=True, ipam=ranges("10.1.2.0/24"))).add()
    other = attach(blue, bridge(vlan=20, isDefaultGateway=True, ipam=ranges("10.1.3.0/24")), "c2").add()
    until(lambda: pings(red, "10.1.3.1"), what="a ping to the other VLAN's gateway")
    until(lambda: pings(red, other.address), what="a ping that is routed between the VLANs")


def test_a_conflict_on_the_gateway_of_a_vlan_leaves_no_port_of_the_container(
    attach, pods, host: Netns, ranges, state
):
    red, red2 = pods(2)
    attach(red, bridge(vlan=10, isGateway=True, ipam=ranges("10.1.2.0/24"))).add()
    before = sorted(host.links())
    other = attach(red2, bridge(vlan=10, isGateway=True, ipam=ranges("10.7.7.0/24")), "c2")
    assert refusal(other.add) == '"br0.10" already has an IP address different from 10.7.7.1/24'
    assert (red2.links(), sorted(host.links())) == ([], before)
    assert sorted(file.name for file in state.glob("*/10.*")) == ["10.1.2.2"]


def test_a_bridge_that_was_made_without_filtering_stays_without(attach, pod, host: Netns):
    """D-21: the port has its VLANs, which then have no effect."""
    host.ip("link", "add", "br0", "type", "bridge")
    one = attach(pod, bridge(vlan=10)).add()
    (link,) = host.json("ip", "-d", "-j", "link", "show", "br0")
    assert link["linkinfo"]["info_data"]["vlan_filtering"] == 0
    assert vlans(host, one.host_end) == {10: ACCESS}


HALF_MADE = {
    "only made": [],
    "a port, but in no VLAN": [["set", "half", "master", "br0", "up"]],
}


@pytest.mark.parametrize("done", HALF_MADE)
def test_a_gateway_that_a_dying_add_left_half_made_is_finished(attach, pod, host: Netns, ranges, done: str):
    host.ip("link", "add", "br0", "type", "bridge", "vlan_filtering", "1")
    host.ip("link", "add", "br0.10", "type", "veth", "peer", "name", "half")
    for command in HALF_MADE[done]:
        host.ip("link", *command)

    one = attach(pod, bridge(vlan=10, isDefaultGateway=True, ipam=ranges("10.1.2.0/24"))).add()

    assert vlans(host, "half") == {10: ACCESS}
    until(lambda: pings(pod, "10.1.2.1"), what="a ping to the gateway")
    one.check()


def test_of_two_first_adds_at_once_both_get_the_gateway(attach, pod, host: Netns, ranges):
    """The other one makes the pair just before this one does, and comes no further for now."""
    others: list[str] = []

    def other(step: str) -> None:
        if "br0.10" in step and not others:
            others.append(step)
            host.ip("link", "add", "br0.10", "type", "veth", "peer", "name", "half")

    steps.listen(other)
    try:
        attach(pod, bridge(vlan=10, isDefaultGateway=True, ipam=ranges("10.1.2.0/24"))).add()
    finally:
        steps.listen(None)

    assert others[0].startswith("make the veth pair br0.10 and ")
    until(lambda: pings(pod, "10.1.2.1"), what="a ping to the gateway")


def test_a_link_of_that_name_that_is_somebody_elses_is_left_as_it_is(attach, pod, host: Netns, ranges):
    host.ip("link", "add", "br0", "type", "bridge", "vlan_filtering", "1")
    host.ip("link", "add", "br9", "type", "bridge")
    host.ip("link", "add", "br0.10", "type", "veth", "peer", "name", "theirs")
    host.ip("link", "set", "theirs", "master", "br9")

    attach(pod, bridge(vlan=10, isGateway=True, ipam=ranges("10.1.2.0/24"))).add()

    (theirs,) = host.json("ip", "-j", "link", "show", "theirs")
    assert (theirs["master"], "UP" in theirs["flags"]) == ("br9", False)
