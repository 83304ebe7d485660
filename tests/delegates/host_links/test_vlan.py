"""VLANs named as people name them, made when a container first needs one. On a kernel with 8021q and ipvlan."""

from __future__ import annotations

from typing import Any

import pytest

from multinet.errors import PluginFailed
from tests.delegates.host_links.conftest import Machine
from tests.support.frames import first_arp
from tests.support.netns import Netns
from tests.support.plugins import pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]

PEER = "10.1.2.200"


@pytest.fixture
def lan(other: Machine) -> Netns:
    """What ``eth1`` leads to: another machine, with an address in VLAN 100 and none elsewhere."""
    lan = other.host
    lan.ip("link", "add", "link", "eth1", "name", "v100", "type", "vlan", "id", "100")
    lan.ip("addr", "add", f"{PEER}/24", "dev", "v100")
    lan.ip("link", "set", "v100", "up")
    return lan


def on(type_: str, address: str = "", **keys: Any) -> dict[str, Any]:
    ipam = {"ipam": {"type": "static", "addresses": [{"address": address}]}} if address else {}
    return {"type": type_, "master": "eth1.100", **ipam, **keys}


def uplink(address: str, **keys: Any) -> dict[str, Any]:
    conf = on("bridge", address, bridge="br0", uplink="eth1.100", **keys)
    return {key: value for key, value in conf.items() if key != "master"}


def test_pods_share_a_vlan_that_is_tagged_on_the_wire_and_goes_with_the_last(
    machine: Machine, lan: Netns, pods
):
    first, second = pods(2)
    one = machine.attach(first, on("macvlan", "10.1.2.1/24")).add()
    two = machine.attach(second, on("macvlan", "10.1.2.2/24"), "c2").add()

    assert "vlan 100," in first_arp(lan, "eth1", lambda: pings(first, "10.1.2.77", seconds=0.2))
    for pod in (first, second):
        until(lambda pod=pod: pings(pod, PEER), what="a ping in the VLAN")
    link = machine.link("eth1.100")
    assert (link["link"], link["linkinfo"]["info_data"]["id"], link["mtu"]) == ("eth1", 100, 1500)
    one.check()
    one.delete()
    assert machine.users == {"eth1.100": ["c2"]}
    assert pings(second, PEER)
    ipvlan = machine.attach(first, on("ipvlan", "10.1.2.1/24"))
    assert "Device or resource busy" in refusal(ipvlan.add)  # the kernel has one kind a master
    assert machine.users == {"eth1.100": ["c2"]}
    two.delete()
    assert machine.host.links() == ["eth1"]

    ipvlan.add()
    until(lambda: pings(first, PEER), what="a ping in the VLAN")
    ipvlan.check()
    ipvlan.delete()
    assert machine.host.links() == ["eth1"]


def test_an_uplink_of_a_bridge_with_vlans_is_in_the_networks_own(machine: Machine, lan: Netns, pods):
    first, second = pods(2)
    one = machine.attach(first, uplink("10.1.2.1/24", vlan=7)).add()
    two = machine.attach(second, uplink("10.1.2.2/24", vlan=7), "c2").add()

    assert machine.link("eth1.100")["master"] == "br0"
    (port,) = machine.host.json("bridge", "-j", "vlan", "show", "dev", "eth1.100")
    assert [(one["vlan"], one.get("flags")) for one in port["vlans"]] == [(7, ["PVID", "Egress Untagged"])]
    for pod in (first, second):
        until(lambda pod=pod: pings(pod, PEER), what="a ping in the VLAN")
    one.delete()
    assert pings(second, PEER)
    two.delete()
    assert sorted(machine.host.links()) == ["br0", "eth1"]


def test_one_that_was_there_is_used_as_ever_and_one_that_is_described_must_be_that(
    machine: Machine, lan: Netns, pod: Netns
):
    """Only its name says that it is VLAN 100; an operator may have made it what he liked."""
    machine.host.ip("link", "add", "link", "eth1", "name", "eth1.100", "type", "vlan", "id", "7")
    machine.host.ip("link", "set", "eth1.100", "up")
    one = machine.attach(pod, on("macvlan")).add()
    one.delete()
    one.gc()
    assert machine.link("eth1.100")["linkinfo"]["info_data"]["id"] == 7

    described = {"type": "vlan", "parent": "eth1", "id": 100}
    assert refusal(machine.attach(pod, on("macvlan", hostLink=described)).add) == (
        'the link "eth1.100" is not the one that is described: its id is 7, not 100'
    )
    with pytest.raises(PluginFailed) as refused:
        machine.attach(pod, on("macvlan", master="lan7", hostLink={**described, "id": 7})).add()
    assert str(refused.value) == (
        "could not make the vlan lan7 on eth1: File exists (8021q: VLAN device already exists)"
    )
    assert refused.value.details == "another link has VLAN 7 already: name that one, or remove it"

    machine.host.ip("link", "set", "eth1", "down")
    with pytest.raises(PluginFailed) as refused:
        machine.attach(pod, on("macvlan", master="eth1.101")).add()
    assert str(refused.value) == "could not set eth1.101 up: Network is down"
    assert refused.value.details == "set the link up that it is made on"
    assert sorted(machine.host.links()) == ["eth1", "eth1.100"]
    assert machine.users == {}
