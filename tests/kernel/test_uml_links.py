"""Links on a kernel that is older than this machine's and has what it lacks (`make test-kernels`)."""

from __future__ import annotations

from typing import Any

import pytest

from multinet.errors import KernelError
from multinet.kernel import links, stacked
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.vlans import PVID, UNTAGGED
from tests.support.netns import Netns

pytestmark = [pytest.mark.kernel, pytest.mark.uml]


@pytest.fixture
def port(veth: tuple[Link, Link], host_ns: Namespace) -> Link:
    """A port of the bridge ``br0``, which filters VLANs."""
    host_ns.rtnl.request(links.make_bridge("br0", vlan_filtering=True))
    bridge = links.get(host_ns.rtnl, "br0")
    assert bridge.info == {"vlan_filtering": True, "vlan_default_pvid": 1}
    host_ns.rtnl.batch([links.set_up(bridge), links.set_master(veth[1], bridge)])
    return veth[1]


def shown(host: Netns, name: str) -> list[Any]:
    return [one["vlans"] for one in host.json("bridge", "-j", "vlan") if one["ifname"] == name]


def test_a_port_begins_with_the_default_vlan(port: Link, host_ns: Namespace) -> None:
    bridge = links.get(host_ns.rtnl, "br0").index
    both = {port.index: [(1, PVID | UNTAGGED)], bridge: [(1, PVID | UNTAGGED)]}
    assert links.dump_vlans(host_ns.rtnl) == both


def test_vlans_are_added_and_removed_as_bridge_shows_them(
    port: Link, host: Netns, host_ns: Namespace
) -> None:
    host_ns.rtnl.batch(
        [
            links.vlan_delete(port.index, 1),
            links.vlan_add(port.index, 100, pvid=True, untagged=True),
            links.vlan_add(port.index, 200, vid_end=203),
            links.vlan_add(port.index, 300),
            links.vlan_delete(port.index, 201, vid_end=202),
        ]
    )
    assert shown(host, "vethhost") == [
        [
            {"vlan": 100, "flags": ["PVID", "Egress Untagged"]},
            {"vlan": 200},
            {"vlan": 203},
            {"vlan": 300},
        ]
    ]
    assert links.dump_vlans(host_ns.rtnl)[port.index] == [
        (100, PVID | UNTAGGED),
        (200, 0),
        (203, 0),
        (300, 0),
    ]


def test_all_vlans_are_read_from_a_compressed_dump(port: Link, host_ns: Namespace) -> None:
    host_ns.rtnl.request(links.vlan_add(port.index, 2, vid_end=4094))
    everything = [(1, PVID | UNTAGGED), *((vid, 0) for vid in range(2, 4095))]
    assert links.dump_vlans(host_ns.rtnl)[port.index] == everything


def test_the_bridge_itself_has_vlans_too(port: Link, host: Netns, host_ns: Namespace) -> None:
    bridge = links.get(host_ns.rtnl, "br0").index
    host_ns.rtnl.request(links.vlan_add(bridge, 7, of_bridge=True))
    assert {"vlan": 7} in shown(host, "br0")[0]


def test_a_vlan_that_can_not_be_is_refused(port: Link, host_ns: Namespace) -> None:
    with pytest.raises(KernelError, match="could not add VLAN 4095 to the port with index"):
        host_ns.rtnl.request(links.vlan_add(port.index, 4095))


def test_a_kernel_that_does_not_echo_is_asked_for_the_link(host_ns: Namespace, pod_ns: Namespace) -> None:
    near = links.create_veth(pod_ns.rtnl, "eth0", "vethhost", peer_ns_fd=host_ns.fd, mtu=1400, group=7)
    assert near == links.get(pod_ns.rtnl, "eth0")
    assert (near.mtu, near.group) == (1400, 7)


def test_a_macvlan_may_have_the_name_of_a_link_on_the_host_nonetheless(
    veth: tuple[Link, Link], host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    """This kernel refuses it, since it looks the name up where the master is."""
    made = stacked.create_macvlan(
        host_ns, pod_ns, "vethhost", master=veth[1], mac="02:11:22:33:44:55", group=7
    )
    assert (made.name, made.kind, made.mac, made.group) == ("vethhost", "macvlan", "02:11:22:33:44:55", 7)
    assert (sorted(pod.links()), host.links()) == (["eth0", "vethhost"], ["vethhost"])


def test_vlan_and_ipvlan_links_are_read(pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("link", "add", "dummy0", "type", "dummy")
    pod.ip("link", "add", "link", "dummy0", "name", "v7", "type", "vlan", "id", "7")
    pod.ip("link", "add", "link", "dummy0", "name", "i3", "type", "ipvlan", "mode", "l3s")
    dummy, vlan, ipvlan = (links.get(pod_ns.rtnl, name) for name in ("dummy0", "v7", "i3"))
    assert (dummy.kind, dummy.info) == ("dummy", {})
    assert (vlan.kind, vlan.parent, vlan.info) == ("vlan", dummy.index, {"id": 7})
    assert (ipvlan.kind, ipvlan.parent, ipvlan.info) == ("ipvlan", dummy.index, {"mode": "l3s"})
