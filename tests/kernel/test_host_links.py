"""VLANs and VXLANs of the host: the messages as pyroute2 has them, and what the kernel tells of what they made."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from multinet.errors import InvalidConfig
from multinet.kernel import host_links, links
from multinet.kernel.host_links import Vlan, Vxlan
from multinet.kernel.links import End
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message
from tests.kernel.test_bytes_against_pyroute2 import encoded, link_info
from tests.support.netns import Netns

ETH1 = End(index=4, name="eth1")
MARK = 0x20000001
OF_VXLAN = [("IFLA_VXLAN_ID", 42), ("IFLA_VXLAN_LINK", 4), ("IFLA_VXLAN_PORT", 8472)]


def vxlan(remote: str, local: str = "", id: int = 42) -> Vxlan:
    near = ip_address(local) if local else None
    return Vxlan(parent="eth1", id=id, remote=ip_address(remote), local=near, port=8472)


MESSAGES = {
    "a VLAN that is a bridge's port": (
        host_links.make("eth1.7", Vlan(parent="eth1", id=7, mtu=1400), ETH1, mark=MARK, bridge=3),
        encoded(
            ifinfmsg,
            [
                ("IFLA_LINK", 4),
                ("IFLA_IFNAME", "eth1.7"),
                ("IFLA_MTU", 1400),
                ("IFLA_GROUP", MARK),
                ("IFLA_MASTER", 3),
                link_info("vlan", ("IFLA_VLAN_ID", 7)),
            ],
        ),
    ),
    "a VXLAN": (
        host_links.make("vx42", vxlan("239.1.1.1"), ETH1, mark=MARK),
        encoded(
            ifinfmsg,
            [
                ("IFLA_IFNAME", "vx42"),
                ("IFLA_GROUP", MARK),
                link_info("vxlan", *OF_VXLAN, ("IFLA_VXLAN_GROUP", "239.1.1.1")),
            ],
        ),
    ),
    "a VXLAN over IPv6": (
        host_links.make("vx42", vxlan("fd00::2", "fd00::1"), ETH1, mark=MARK),
        encoded(
            ifinfmsg,
            [
                ("IFLA_IFNAME", "vx42"),
                ("IFLA_GROUP", MARK),
                link_info(
                    "vxlan", *OF_VXLAN, ("IFLA_VXLAN_GROUP6", "fd00::2"), ("IFLA_VXLAN_LOCAL6", "fd00::1")
                ),
            ],
        ),
    ),
    "an alias": (
        host_links.tell_whose(ETH1),
        encoded(ifinfmsg, [("IFLA_IFALIAS", host_links.ALIAS)], index=4),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_byte_for_byte_what_pyroute2_makes_of_it(ours: Message, theirs: bytes) -> None:
    assert ours.body.hex(" ", 4) == theirs.hex(" ", 4)


def test_marks_differ_and_are_apart_from_the_groups_of_people_and_containers() -> None:
    marks = {host_links.new_mark() for _ in range(1000)}

    assert len(marks) > 990
    assert all(0x20000000 <= mark < 0x30000000 for mark in marks)


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("remote", "local"), [("239.1.1.1", ""), ("fd00::2", "fd00::1"), ("192.0.2.2", "192.0.2.1")]
)
def test_what_was_made_is_what_was_described_and_nothing_else(host: Netns, remote: str, local: str) -> None:
    host.ip("link", "add", "eth1", "type", "bridge")
    with Namespace.open(host.path) as here:
        net = here.rtnl
        net.request(host_links.make("vx42", vxlan(remote, local), links.get(net, "eth1"), mark=MARK))
        made = links.get(net, "vx42")

        assert (made.group, host_links.is_marked(made), made.up) == (MARK, True, False)
        assert not host_links.is_marked(links.get(net, "eth1"))
        host_links.refuse_other(net, made, vxlan(remote, local))
        with pytest.raises(InvalidConfig) as refused:
            host_links.refuse_other(net, made, vxlan(remote, local, id=43))
        assert refused.value.message == (
            'the link "vx42" is not the one that is described: its id is 42, not 43'
        )
        assert refused.value.hint == (
            "give one of the two another name; networks that share a link must describe it alike"
        )
        with pytest.raises(InvalidConfig):
            host_links.refuse_other(net, made, Vlan(parent="eth1", id=42))
        assert host_links.users_besides(net, made, "") == ""
        assert host_links.users_besides(net, links.get(net, "eth1"), "") == "vx42 stands on it"
