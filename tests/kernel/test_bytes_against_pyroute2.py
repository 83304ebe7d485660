"""Every message we pack, byte for byte as pyroute2 encodes the same one."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from multinet.kernel import addresses, links, routes, rules, stacked, vrfs
from multinet.kernel.rtnl import Message
from multinet.kernel.rules import Rule

AF_BRIDGE = 7
NESTED = 0x8000


def encoded(kind: Any, attributes: list[Any] | None = None, **header: int) -> bytes:
    message = kind()
    for name, value in header.items():
        message[name] = value
    message["attrs"] = attributes or []
    message.encode()
    return bytes(message.data)[16:]  # without the netlink header, which the socket makes


def link_info(kind: str, *data: Any) -> tuple[str, Any]:
    attributes: list[Any] = [("IFLA_INFO_KIND", kind)]
    if data:
        attributes.append(("IFLA_INFO_DATA", {"attrs": list(data)}))
    return ("IFLA_LINKINFO", {"attrs": attributes})


def on_master(*attributes: Any) -> bytes:
    first = [("IFLA_LINK", 4), ("IFLA_NET_NS_FD", 9), ("IFLA_IFNAME", "net1"), ("IFLA_MTU", 1400)]
    return encoded(ifinfmsg, [*first, *attributes])


def veth_peer(*attributes: Any) -> tuple[str, Any]:
    return link_info("veth", ("VETH_INFO_PEER", {"attrs": list(attributes)}))


ONE_QUEUE = (("IFLA_NUM_TX_QUEUES", 1), ("IFLA_NUM_RX_QUEUES", 1))

LINKS: dict[str, tuple[Message, bytes]] = {
    "a veth pair": (
        links.make_veth("eth0", "veth12345678", peer_ns_fd=9),
        encoded(
            ifinfmsg,
            [
                ("IFLA_IFNAME", "eth0"),
                *ONE_QUEUE,
                veth_peer(
                    ("IFLA_IFNAME", "veth12345678"),
                    *ONE_QUEUE,
                    ("IFLA_TXQLEN", 0),
                    ("IFLA_NET_NS_FD", 9),
                ),
            ],
        ),
    ),
    "a veth pair with everything": (
        links.make_veth(
            "net1",
            "vethx",
            peer_ns_fd=300,
            mtu=1400,
            mac="02:11:22:33:44:55",
            peer_mac="02:11:22:33:44:56",
            peer_txqlen=1000,
            group=0x40001234,
        ),
        encoded(
            ifinfmsg,
            [
                ("IFLA_IFNAME", "net1"),
                *ONE_QUEUE,
                ("IFLA_MTU", 1400),
                ("IFLA_ADDRESS", "02:11:22:33:44:55"),
                ("IFLA_GROUP", 0x40001234),
                veth_peer(
                    ("IFLA_IFNAME", "vethx"),
                    *ONE_QUEUE,
                    ("IFLA_TXQLEN", 1000),
                    ("IFLA_MTU", 1400),
                    ("IFLA_ADDRESS", "02:11:22:33:44:56"),
                    ("IFLA_NET_NS_FD", 300),
                ),
            ],
        ),
    ),
    "a bridge": (
        links.make_bridge("cni0"),
        encoded(ifinfmsg, [("IFLA_IFNAME", "cni0"), link_info("bridge")]),
    ),
    "a bridge that filters VLANs": (
        links.make_bridge("cni0", mtu=9000, vlan_filtering=True),
        encoded(
            ifinfmsg,
            [
                ("IFLA_IFNAME", "cni0"),
                ("IFLA_MTU", 9000),
                link_info("bridge", ("IFLA_BR_VLAN_FILTERING", 1)),
            ],
        ),
    ),
    "a macvlan": (
        stacked.make_macvlan(
            "net1", 4, target_ns_fd=9, mode="vepa", mtu=1400, mac="02:11:22:33:44:55", group=7
        ),
        on_master(
            ("IFLA_ADDRESS", "02:11:22:33:44:55"),
            ("IFLA_GROUP", 7),
            link_info("macvlan", ("IFLA_MACVLAN_MODE", "vepa")),
        ),
    ),
    "a VLAN": (
        stacked.make_vlan("net1", 4, target_ns_fd=9, vlan_id=4094, mtu=1400, group=7),
        on_master(("IFLA_GROUP", 7), link_info("vlan", ("IFLA_VLAN_ID", 4094))),
    ),
    "a VRF": (
        vrfs.make_vrf("blue", 1000),
        encoded(ifinfmsg, [("IFLA_IFNAME", "blue"), link_info("vrf", ("IFLA_VRF_TABLE", 1000))]),
    ),
    "an ipvlan": (
        stacked.make_ipvlan("net1", 4, target_ns_fd=9, mode="l3s", mtu=1400, group=7),
        on_master(("IFLA_GROUP", 7), link_info("ipvlan", ("IFLA_IPVLAN_MODE", 2))),
    ),
    "a dummy": (
        links.make_dummy("net1", group=7),
        encoded(ifinfmsg, [("IFLA_IFNAME", "net1"), ("IFLA_GROUP", 7), link_info("dummy")]),
    ),
    "up": (links.set_up(5), encoded(ifinfmsg, index=5, flags=1, change=1)),
    "down": (links.set_down(5), encoded(ifinfmsg, index=5, flags=0, change=1)),
    "promiscuous": (links.set_promisc(5, True), encoded(ifinfmsg, index=5, flags=0x100, change=0x100)),
    "not promiscuous": (links.set_promisc(5, False), encoded(ifinfmsg, index=5, flags=0, change=0x100)),
    "all multicasts": (links.set_allmulti(5, True), encoded(ifinfmsg, index=5, flags=0x200, change=0x200)),
    "not all multicasts": (links.set_allmulti(5, False), encoded(ifinfmsg, index=5, flags=0, change=0x200)),
    "a port": (links.set_master(5, 2), encoded(ifinfmsg, [("IFLA_MASTER", 2)], index=5)),
    "freed": (links.set_master(5, 0), encoded(ifinfmsg, [("IFLA_MASTER", 0)], index=5)),
    "a MAC": (
        links.set_mac(5, "02:11:22:33:44:55"),
        encoded(ifinfmsg, [("IFLA_ADDRESS", "02:11:22:33:44:55")], index=5),
    ),
    "an MTU": (links.set_mtu(5, 1280), encoded(ifinfmsg, [("IFLA_MTU", 1280)], index=5)),
    "a queue length": (links.set_txqlen(5, 500), encoded(ifinfmsg, [("IFLA_TXQLEN", 500)], index=5)),
    "a name": (links.rename(5, "net7"), encoded(ifinfmsg, [("IFLA_IFNAME", "net7")], index=5)),
    "a bridge port's settings": (
        links.bridge_port(5, hairpin=True, isolated=False),
        encoded(
            ifinfmsg,
            [("IFLA_PROTINFO", {"attrs": [("IFLA_BRPORT_MODE", 1), ("IFLA_BRPORT_ISOLATED", 0)]}, NESTED)],
            family=AF_BRIDGE,
            index=5,
        ),
    ),
    "deleted": (links.delete(5), encoded(ifinfmsg, index=5)),
    "deleted by name": (links.delete_by_name("net1"), encoded(ifinfmsg, [("IFLA_IFNAME", "net1")])),
    "a group deleted": (links.delete_group(77), encoded(ifinfmsg, [("IFLA_GROUP", 77)])),
    "looked up": (
        links.get_message("net1"),
        encoded(ifinfmsg, [("IFLA_EXT_MASK", 8), ("IFLA_IFNAME", "net1")]),
    ),
    "looked up by a long name": (
        links.get_message("a-name-of-20-letters"),
        encoded(ifinfmsg, [("IFLA_EXT_MASK", 8), ("IFLA_ALT_IFNAME", "a-name-of-20-letters")]),
    ),
}


def vlans(flags: int, *infos: tuple[int, int]) -> bytes:
    values = [("IFLA_BRIDGE_VLAN_INFO", {"flags": info[0], "vid": info[1]}) for info in infos]
    specification = ("IFLA_AF_SPEC", {"attrs": [("IFLA_BRIDGE_FLAGS", flags), *values]})
    return encoded(ifinfmsg, [specification], family=AF_BRIDGE, index=5)


VLANS: dict[str, tuple[Message, bytes]] = {
    "a tagged VLAN": (links.vlan_add(5, 100), vlans(1, (0, 100))),
    "an access VLAN": (links.vlan_add(5, 100, pvid=True, untagged=True), vlans(1, (6, 100))),
    "a range": (links.vlan_add(5, 100, vid_end=110), vlans(1, (8, 100), (16, 110))),
    "a range of one": (links.vlan_add(5, 100, vid_end=100), vlans(1, (0, 100))),
    "an untagged range": (
        links.vlan_add(5, 10, untagged=True, vid_end=12),
        vlans(1, (4 | 8, 10), (4 | 16, 12)),
    ),
    "at the bridge": (links.vlan_add(5, 100, of_bridge=True), vlans(2, (0, 100))),
    "deleted": (links.vlan_delete(5, 1), vlans(1, (0, 1))),
    "a range deleted": (links.vlan_delete(5, 1, vid_end=4094), vlans(1, (8, 1), (16, 4094))),
}


def address(text: str, broadcast: str = "", **header: int) -> bytes:
    one = ip_interface(text)
    attributes = [("IFA_LOCAL", str(one.ip)), ("IFA_ADDRESS", str(one.ip))]
    if broadcast:
        attributes.append(("IFA_BROADCAST", broadcast))
    family = 2 if one.version == 4 else 10
    return encoded(ifaddrmsg, attributes, family=family, prefixlen=one.network.prefixlen, index=3, **header)


ADDRESSES: dict[str, tuple[Message, bytes]] = {
    "IPv4": (addresses.add(3, ip_interface("10.1.2.3/24")), address("10.1.2.3/24", "10.1.2.255")),
    "the largest subnet": (addresses.add(3, ip_interface("10.1.2.3/8")), address("10.1.2.3/8", "10.255.255.255")),
    "/30": (addresses.add(3, ip_interface("10.1.2.1/30")), address("10.1.2.1/30", "10.1.2.3")),
    "/31 has no broadcast": (addresses.add(3, ip_interface("10.1.2.3/31")), address("10.1.2.3/31")),
    "/32 has no broadcast": (addresses.add(3, ip_interface("10.1.2.3/32")), address("10.1.2.3/32")),
    "IPv6": (addresses.add(3, ip_interface("fd00::3/64")), address("fd00::3/64")),
    "IPv6 without DAD": (addresses.add(3, ip_interface("fd00::3/64"), nodad=True), address("fd00::3/64", flags=2)),
    "deleted": (addresses.delete(3, ip_interface("10.1.2.3/24")), address("10.1.2.3/24")),
    "IPv6 deleted": (addresses.delete(3, ip_interface("fd00::3/64")), address("fd00::3/64")),
}  # fmt: skip


def route(*attributes: Any, **header: int) -> bytes:
    usual = {"family": 2, "table": 254, "proto": 3, "type": 1, "scope": 0}
    return encoded(rtmsg, list(attributes), **{**usual, **header})


ROUTES: dict[str, tuple[Message, bytes]] = {
    "default over a gateway": (
        routes.add(ip_interface("0.0.0.0/0"), gw=ip_address("10.1.2.1"), oif=4),
        route(("RTA_DST", "0.0.0.0"), ("RTA_GATEWAY", "10.1.2.1"), ("RTA_OIF", 4)),
    ),
    "over a link": (
        routes.add(ip_interface("10.9.0.0/16"), oif=4),
        route(("RTA_DST", "10.9.0.0"), ("RTA_OIF", 4), dst_len=16),
    ),
    "host bits stay": (
        routes.add(ip_interface("10.9.1.1/16"), oif=4),
        route(("RTA_DST", "10.9.1.1"), ("RTA_OIF", 4), dst_len=16),
    ),
    "IPv6": (
        routes.add(ip_interface("fd01::/48"), gw=ip_address("fd00::1"), oif=4),
        route(("RTA_DST", "fd01::"), ("RTA_GATEWAY", "fd00::1"), ("RTA_OIF", 4), family=10, dst_len=48),
    ),
    "everything": (
        routes.add(
            ip_interface("10.9.0.0/16"),
            gw=ip_address("10.1.2.1"),
            oif=4,
            src=ip_address("10.1.2.3"),
            priority=50,
            table=1000,
            scope=253,
            mtu=1300,
            advmss=1200,
        ),
        route(
            ("RTA_DST", "10.9.0.0"),
            ("RTA_PREFSRC", "10.1.2.3"),
            ("RTA_GATEWAY", "10.1.2.1"),
            ("RTA_TABLE", 1000),
            ("RTA_PRIORITY", 50),
            ("RTA_OIF", 4),
            ("RTA_METRICS", {"attrs": [("RTAX_MTU", 1300), ("RTAX_ADVMSS", 1200)]}),
            dst_len=16,
            table=0,
            scope=253,
        ),
    ),
    "a small table": (
        routes.add(ip_interface("10.9.0.0/16"), oif=4, table=100),
        route(("RTA_DST", "10.9.0.0"), ("RTA_OIF", 4), dst_len=16, table=100),
    ),
    "table 0 is the main one": (
        routes.add(ip_interface("10.9.0.0/16"), oif=4, table=0),
        route(("RTA_DST", "10.9.0.0"), ("RTA_OIF", 4), dst_len=16),
    ),
    "over a gateway of the other family": (
        routes.add(ip_interface("10.9.0.0/16"), gw=ip_address("fd00::1"), oif=4),
        route(
            ("RTA_DST", "10.9.0.0"),
            ("RTA_VIA", {"family": 10, "addr": "fd00::1"}),
            ("RTA_OIF", 4),
            dst_len=16,
        ),
    ),
    "again in another table": (
        routes.again(
            routes.RouteEntry(
                dst=ip_interface("10.9.0.0/16"),
                gw=ip_address("10.1.2.1"),
                oif=4,
                src=ip_address("10.1.2.3"),
                priority=50,
                scope=0,
                protocol=2,
                type=1,
                mtu=1300,
            ),
            table=1000,
        ),
        route(
            ("RTA_DST", "10.9.0.0"),
            ("RTA_PREFSRC", "10.1.2.3"),
            ("RTA_GATEWAY", "10.1.2.1"),
            ("RTA_TABLE", 1000),
            ("RTA_PRIORITY", 50),
            ("RTA_OIF", 4),
            ("RTA_METRICS", {"attrs": [("RTAX_MTU", 1300)]}),
            dst_len=16,
            table=0,
            proto=2,
        ),
    ),
    "deleted": (
        routes.delete(
            routes.RouteEntry(
                dst=ip_interface("10.9.1.1/16"), gw=ip_address("10.1.2.1"), oif=4, scope=routes.NOWHERE
            )
        ),
        route(
            ("RTA_DST", "10.9.0.0"),
            ("RTA_GATEWAY", "10.1.2.1"),
            ("RTA_OIF", 4),
            dst_len=16,
            proto=0,
            type=0,
            scope=255,
        ),
    ),
}

RULES: dict[str, tuple[Message, bytes]] = {
    "of an IPv4 source": (
        rules.add(ip_address("10.1.2.3"), 100),
        encoded(fibmsg, [("FRA_SRC", "10.1.2.3")], family=2, src_len=32, table=100, action=1),
    ),
    "of an IPv6 source for a large table": (
        rules.add(ip_address("fd00::3"), 1000),
        encoded(
            fibmsg, [("FRA_SRC", "fd00::3"), ("FRA_TABLE", 1000)], family=10, src_len=128, table=0, action=1
        ),
    ),
    "deleted": (
        rules.delete(Rule(version=4, src=ip_interface("10.1.2.3/32"), table=100, priority=32765)),
        encoded(
            fibmsg,
            [("FRA_SRC", "10.1.2.3"), ("FRA_PRIORITY", 32765)],
            family=2,
            src_len=32,
            table=100,
            action=1,
        ),
    ),
    "of all sources deleted": (
        rules.delete(Rule(version=6, src=None, table=7, priority=9)),
        encoded(fibmsg, [("FRA_PRIORITY", 9)], family=10, table=7, action=1),
    ),
}

ALL = {
    f"{title}: {name}": pair
    for title, table in (
        ("link", LINKS),
        ("VLAN", VLANS),
        ("address", ADDRESSES),
        ("route", ROUTES),
        ("rule", RULES),
    )
    for name, pair in table.items()
}


@pytest.mark.parametrize(("ours", "theirs"), ALL.values(), ids=ALL)
def test_a_message_is_byte_for_byte_what_pyroute2_makes_of_it(ours: Message, theirs: bytes) -> None:
    assert ours.body.hex(" ", 4) == theirs.hex(" ", 4)


FLAGS = {
    "a link is made, never changed": (links.make_bridge("cni0"), 16, 0x600),
    "a veth pair echoes on demand": (links.make_veth("a", "b", peer_ns_fd=1, echo=True), 16, 0x608),
    "a link is changed, never made": (links.set_up(5), 19, 0),
    "a link is deleted": (links.delete(5), 17, 0),
    "an address is made, never changed": (addresses.add(3, ip_interface("10.1.2.3/24")), 20, 0x600),
    "an address is deleted": (addresses.delete(3, ip_interface("10.1.2.3/24")), 21, 0),
    "a route is made, also beside another": (routes.add(ip_interface("10.9.0.0/16"), oif=4), 24, 0x400),
    "a route is put again behind others": (
        routes.again(routes.RouteEntry(dst=ip_interface("10.9.0.0/16"), oif=4), table=254),
        24,
        0xC00,
    ),
    "a route is put again in another's place": (
        routes.again(routes.RouteEntry(dst=ip_interface("10.9.0.0/16"), oif=4), table=254, replace=True),
        24,
        0x500,
    ),
    "a rule is made, never changed": (rules.add(ip_address("10.1.2.3"), 100), 32, 0x600),
    "a route is replaced": (routes.add(ip_interface("10.9.0.0/16"), oif=4, replace=True), 24, 0x500),
}


@pytest.mark.parametrize(("message", "type_", "flags"), FLAGS.values(), ids=FLAGS)
def test_type_and_flags_say(message: Message, type_: int, flags: int) -> None:
    assert (message.type, message.flags) == (type_, flags)
