"""Links on the real kernel: `ip` is asked whether they are what we said."""

from __future__ import annotations

from typing import Any

import pytest

from multinet.errors import Exists, KernelError, NotFound
from multinet.kernel import links, stacked
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns
from tests.support.wait import until

pytestmark = pytest.mark.kernel

MAC = "02:11:22:33:44:55"
OTHER_MAC = "02:11:22:33:44:66"


def shown(space: Netns, name: str) -> Any:
    """What `ip` says of a link."""
    return space.json("ip", "-d", "-j", "link", "show", "dev", name)[0]


# Looking up


def test_a_link_is_read_as_ip_reads_it(veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("link", "set", "eth0", "alias", "the pod's", "txqueuelen", "77", "group", "5", "mtu", "1300")
    pod.ip("link", "set", "eth0", "up", "promisc", "on")
    until(lambda: links.get(pod_ns.rtnl, "eth0").operstate == links.OPER_UP)
    link = links.get(pod_ns.rtnl, "eth0")
    oracle = shown(pod, "eth0")
    assert (link.index, link.name, link.mac) == (oracle["ifindex"], "eth0", oracle["address"])
    assert (link.mtu, link.txqlen, link.group, link.alias) == (1300, 77, 5, "the pod's")
    assert (link.kind, link.slave_kind, link.master) == ("veth", "", 0)
    assert (link.parent, link.link_netnsid) == (oracle["link_index"], oracle["link_netnsid"])
    assert (link.up, link.promisc) == (True, True)
    assert links.OPERSTATES[link.operstate] == oracle["operstate"].lower()
    assert (link.info, link.port) == ({}, {})
    assert links.get_by_index(pod_ns.rtnl, link.index) == link
    assert links.dump(pod_ns.rtnl) == [links.get(pod_ns.rtnl, "lo"), link]


def test_lo_has_no_kind_and_no_parent(pod_ns: Namespace) -> None:
    lo = links.get(pod_ns.rtnl, "lo")
    assert (lo.index, lo.kind, lo.parent, lo.link_netnsid, lo.mac) == (1, "", 0, None, "00:00:00:00:00:00")
    assert not lo.up


def test_a_link_that_is_not_there_is_not_found(pod_ns: Namespace) -> None:
    assert links.find(pod_ns.rtnl, "eth9") is None
    with pytest.raises(NotFound) as failure:
        links.get(pod_ns.rtnl, "eth9")
    assert str(failure.value) == "could not find link eth9"
    with pytest.raises(NotFound) as failure:
        links.get_by_index(pod_ns.rtnl, 99)
    assert str(failure.value) == "could not find the link with index 99"


def test_a_name_too_long_for_a_link_may_be_its_alternative_name(pod: Netns, pod_ns: Namespace) -> None:
    assert links.find(pod_ns.rtnl, "a-name-of-twenty-chars") is None
    pod.ip("link", "property", "add", "dev", "lo", "altname", "a-name-of-twenty-chars")
    assert links.get(pod_ns.rtnl, "a-name-of-twenty-chars").name == "lo"


# veth


def test_a_veth_pair_is_made_in_two_namespaces_at_once(
    host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    near = links.create_veth(
        pod_ns.rtnl,
        "eth0",
        "vethhost",
        peer_ns_fd=host_ns.fd,
        mtu=1400,
        mac=MAC,
        peer_mac=OTHER_MAC,
        group=77,
    )
    far = links.get(host_ns.rtnl, "vethhost")
    assert (near.name, near.mac, near.mtu, near.group, near.kind) == ("eth0", MAC, 1400, 77, "veth")
    assert (far.mac, far.mtu, far.group, far.txqlen) == (OTHER_MAC, 1400, 0, 0)
    assert (near.parent, far.parent) == (far.index, near.index)
    assert (shown(pod, "eth0")["txqlen"], shown(pod, "eth0")["group"]) == (1000, "77")
    assert near == links.get(pod_ns.rtnl, "eth0"), "what the kernel echoed is what there is"
    assert (pod.links(), host.links()) == (["eth0"], ["vethhost"])


def test_neither_end_of_a_pair_has_room_for_queues_that_it_does_not_use(
    veth: tuple[Link, Link], pod: Netns, host: Netns
) -> None:
    ends = [shown(pod, "eth0"), shown(host, "vethhost")]
    assert [(end["num_tx_queues"], end["num_rx_queues"]) for end in ends] == [(1, 1), (1, 1)]


def test_a_kernel_that_does_not_echo_is_asked(
    host_ns: Namespace, pod_ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "F_ECHO", 0)
    near = links.create_veth(pod_ns.rtnl, "eth0", "vethhost", peer_ns_fd=host_ns.fd)
    assert near == links.get(pod_ns.rtnl, "eth0")


def test_a_name_that_is_taken_is_refused_at_either_end(
    veth: tuple[Link, Link], host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    for near, far in (("eth0", "vethother"), ("eth1", "vethhost")):
        with pytest.raises(Exists) as failure:
            links.create_veth(pod_ns.rtnl, near, far, peer_ns_fd=host_ns.fd)
        assert str(failure.value) == f"could not make the veth pair {near} and {far}: File exists"
    assert (pod.links(), host.links()) == (["eth0"], ["vethhost"])


def test_both_ends_of_a_pair_may_be_in_one_namespace(host: Netns, host_ns: Namespace) -> None:
    near = links.create_veth(host_ns.rtnl, "br0.7", "vethport", peer_ns_fd=host_ns.fd)
    assert sorted(host.links()) == ["br0.7", "vethport"]
    assert near.link_netnsid is None


def test_an_mtu_that_is_too_small_is_refused_before_anything_is_made(
    host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    with pytest.raises(KernelError, match="could not make the veth pair eth0 and vethhost: Invalid argument"):
        links.create_veth(pod_ns.rtnl, "eth0", "vethhost", peer_ns_fd=host_ns.fd, mtu=10)
    assert (pod.links(), host.links()) == ([], [])


# Bridges


def test_a_bridge_with_a_port(veth: tuple[Link, Link], host: Netns, host_ns: Namespace) -> None:
    host_ns.rtnl.request(links.make_bridge("br0", mtu=1400))
    bridge, far = links.get(host_ns.rtnl, "br0"), veth[1]
    assert (bridge.kind, bridge.mtu, bridge.info["vlan_filtering"]) == ("bridge", 1400, False)
    host_ns.rtnl.batch(
        [
            links.set_up(bridge),
            links.set_promisc(bridge, True),
            links.set_master(far, bridge),
            links.bridge_port(far, hairpin=True, isolated=True),
        ]
    )
    port = links.get(host_ns.rtnl, "vethhost")
    assert (port.master, port.slave_kind, port.port) == (
        bridge.index,
        "bridge",
        {"hairpin": True, "isolated": True},
    )
    oracle = host.json("bridge", "-d", "-j", "link")[0]
    assert (oracle["hairpin"], oracle["isolated"]) == (True, True)
    assert links.get(host_ns.rtnl, "br0").promisc
    host_ns.rtnl.request(links.bridge_port(far, isolated=False))
    assert links.get(host_ns.rtnl, "vethhost").port == {"hairpin": True, "isolated": False}
    host_ns.rtnl.batch([links.set_promisc(bridge, False), links.set_master(far, 0)])
    assert (links.get(host_ns.rtnl, "vethhost").master, links.get(host_ns.rtnl, "br0").promisc) == (0, False)


def test_a_bridge_that_is_there_is_refused(host_ns: Namespace) -> None:
    host_ns.rtnl.request(links.make_bridge("br0"))
    with pytest.raises(Exists, match="could not make bridge br0: File exists"):
        host_ns.rtnl.request(links.make_bridge("br0"))


def test_a_port_of_what_is_no_bridge_is_refused(veth: tuple[Link, Link], host_ns: Namespace) -> None:
    with pytest.raises(KernelError, match="could not make vethhost a port of lo"):
        host_ns.rtnl.request(links.set_master(veth[1], links.get(host_ns.rtnl, "lo")))


# macvlan


@pytest.fixture
def master(veth: tuple[Link, Link]) -> Link:
    """A link on the host for macvlans to stand on."""
    return veth[1]


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa", "passthru"])
def test_a_macvlan_is_made_in_the_pod_in_each_mode(
    mode: str, master: Link, host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    made = stacked.create_macvlan(host_ns, pod_ns, "net1", master=master, mode=mode, mtu=1400, group=77)
    assert (made.name, made.kind, made.parent, made.mtu, made.group) == (
        "net1",
        "macvlan",
        master.index,
        1400,
        77,
    )
    assert made.info["mode"] == shown(pod, "net1")["linkinfo"]["info_data"]["mode"] == mode
    assert host.links() == ["vethhost"]


def test_a_macvlan_has_the_mac_and_the_queue_that_are_asked_for(
    master: Link, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    made = stacked.create_macvlan(host_ns, pod_ns, "net1", master=master, mac=MAC, bcqueuelen=2000)
    assert (made.mac, made.info) == (MAC, {"mode": "bridge", "bcqueuelen": 2000})
    assert shown(pod, "net1")["linkinfo"]["info_data"]["bcqueuelen"] == 2000


def test_a_macvlan_may_have_the_name_of_a_link_on_the_host(
    master: Link, host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    made = stacked.create_macvlan(host_ns, pod_ns, master.name, master=master, mac=MAC)
    assert (made.name, made.mac, made.kind) == (master.name, MAC, "macvlan")
    assert sorted(pod.links()) == ["eth0", master.name]
    assert host.links() == [master.name]


def test_a_kernel_that_refuses_the_name_of_a_link_on_the_host_gets_another_first(
    master: Link, pod: Netns, host_ns: Namespace, pod_ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels before 6.15 do; here the first refusal is theirs by way of another message."""
    refuse = [links.make_bridge(master.name)]
    make = stacked.make_macvlan
    monkeypatch.setattr(stacked, "make_macvlan", lambda *a, **kw: refuse.pop() if refuse else make(*a, **kw))
    made = stacked.create_macvlan(host_ns, pod_ns, master.name, master=master, mac=MAC)
    assert (made.name, made.mac) == (master.name, MAC)
    assert sorted(pod.links()) == ["eth0", master.name]


def test_a_name_that_is_taken_in_the_pod_is_refused(
    master: Link, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    with pytest.raises(Exists, match="could not make macvlan eth0: File exists"):
        stacked.create_macvlan(host_ns, pod_ns, "eth0", master=master)
    assert pod.links() == ["eth0"]


def test_a_name_that_comes_up_while_renaming_leaves_no_second_link(
    master: Link, pod: Netns, host_ns: Namespace, pod_ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = [links.make_bridge(master.name)]
    make = stacked.make_macvlan
    monkeypatch.setattr(stacked, "make_macvlan", lambda *a, **kw: refuse.pop() if refuse else make(*a, **kw))
    rename = links.rename
    monkeypatch.setattr(links, "rename", lambda link, name: rename(link, "eth0"))
    with pytest.raises(Exists, match="to eth0: File exists"):
        stacked.create_macvlan(host_ns, pod_ns, master.name, master=master)
    assert pod.links() == ["eth0"]


def test_a_master_that_is_gone_is_not_found(
    master: Link, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    links.remove(host_ns.rtnl, master.name)
    with pytest.raises(NotFound, match="could not make macvlan net1: No such device"):
        stacked.create_macvlan(host_ns, pod_ns, "net1", master=master)


# Changing and deleting


def test_a_link_is_changed_as_asked(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    near = veth[0]
    pod_ns.rtnl.batch(
        [
            links.rename(near, "net7"),
            links.set_mac(near, OTHER_MAC),
            links.set_mtu(near, 1280),
            links.set_txqlen(near, 42),
            links.set_up(near),
        ]
    )
    now = links.get(pod_ns.rtnl, "net7")
    assert (now.mac, now.mtu, now.txqlen, now.up) == (OTHER_MAC, 1280, 42, True)
    pod_ns.rtnl.request(links.set_down(now))
    assert not links.get(pod_ns.rtnl, "net7").up


REFUSALS = {
    "could not set mtu of eth0 to 10: Invalid argument (mtu less than device minimum)": lambda link: (
        links.set_mtu(link, 10)
    ),
    "could not rename eth0 to lo: File exists": lambda link: links.rename(link, "lo"),
    "could not set MAC of eth0 to 01:00:5e:00:00:01: Cannot assign requested address": lambda link: (
        links.set_mac(link, "01:00:5e:00:00:01")
    ),
    "could not set the link with index 99 up: No such device": lambda link: links.set_up(99),
    "could not delete link eth9: No such device": lambda link: links.delete_by_name("eth9"),
    "could not delete the links of group 99: No such device": lambda link: links.delete_group(99),
    "could not delete link lo: Operation not supported": lambda link: links.delete_by_name("lo"),
}


@pytest.mark.parametrize("sentence", REFUSALS)
def test_a_refusal_is_a_sentence(sentence: str, veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    with pytest.raises(KernelError) as failure:
        pod_ns.rtnl.request(REFUSALS[sentence](veth[0]))
    assert str(failure.value) == sentence


def test_one_message_deletes_a_group_and_no_other_link(
    host: Netns, pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    for number, group in enumerate((77, 77, 78, 0)):
        links.create_veth(pod_ns.rtnl, f"net{number}", f"far{number}", peer_ns_fd=host_ns.fd, group=group)
    pod_ns.rtnl.request(links.delete_group(77))
    assert sorted(pod.links()) == ["net2", "net3"]
    until(lambda: sorted(host.links()) == ["far2", "far3"])


def test_a_group_with_a_real_device_in_it_is_refused_whole(
    pod: Netns, host_ns: Namespace, pod_ns: Namespace
) -> None:
    links.create_veth(pod_ns.rtnl, "net1", "far1", peer_ns_fd=host_ns.fd, group=77)
    pod.ip("link", "set", "lo", "group", "77")
    with pytest.raises(KernelError, match="could not delete the links of group 77: Operation not supported"):
        pod_ns.rtnl.request(links.delete_group(77))
    assert pod.links() == ["net1"]


def test_removing_what_is_not_there_is_fine(veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace) -> None:
    links.remove(pod_ns.rtnl, "eth0")
    links.remove(pod_ns.rtnl, "eth0")
    assert pod.links() == []
    with pytest.raises(NotFound):
        pod_ns.rtnl.request(links.delete(veth[0]))
