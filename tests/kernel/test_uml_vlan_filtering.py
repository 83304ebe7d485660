"""VLAN filtering of bridges, which small kernels leave out: run on User-Mode Linux (`make test-kernels`)."""

from __future__ import annotations

import pytest

from tests.support.netns import Netns
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]


def test_a_bridge_keeps_its_vlans_apart(host: Netns, netns):
    """The oracle by hand, before any code of ours: tools alone, three pods, two VLANs, and real pings."""
    host.ip("link", "add", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "0")
    host.ip("link", "set", "br0", "up")
    pods = {"red1": 10, "red2": 10, "blue": 20}
    inside = {}
    for number, (name, vlan) in enumerate(pods.items(), start=1):
        inside[name] = pod = netns(name)
        host.ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", pod.name)
        host.ip("link", "set", name, "master", "br0", "up")
        host.run("bridge", "vlan", "add", "dev", name, "vid", str(vlan), "pvid", "untagged")
        pod.ip("addr", "add", f"10.9.0.{number}/24", "dev", "eth0")
        pod.ip("link", "set", "eth0", "up")

    assert {
        port["ifname"]: port["vlans"] for port in host.json("bridge", "-j", "vlan") if port["ifname"] in pods
    } == {name: [{"vlan": vlan, "flags": ["PVID", "Egress Untagged"]}] for name, vlan in pods.items()}
    until(lambda: pings(inside["red1"], "10.9.0.2"), what="a ping inside the red VLAN")
    assert not pings(inside["red1"], "10.9.0.3")


def pings(pod: Netns, address: str) -> bool:
    return pod.run("ping", "-c", "1", "-W", "1", address, check=False).returncode == 0


def test_a_vlan_link_can_be_made(pod: Netns):
    """8021q itself, loaded by the kernel when it is asked for the kind."""
    pod.ip("link", "add", "dummy0", "type", "dummy")
    pod.ip("link", "add", "link", "dummy0", "name", "v7", "type", "vlan", "id", "7")
    assert pod.json("ip", "-d", "-j", "link", "show", "v7")[0]["linkinfo"]["info_data"]["id"] == 7
