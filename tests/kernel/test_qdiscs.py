"""Queues and filters: every message byte for byte as pyroute2 encodes the same one, and read back from the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from socket import htons
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from multinet.kernel import filters, ifb, links, qdiscs
from multinet.kernel.filters import DESTINATION, ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, SOURCE, Filter, keys_of
from multinet.kernel.links import End
from multinet.kernel.namespace import Namespace
from multinet.kernel.qdiscs import Bucket, Qdisc
from multinet.kernel.rtnl import Message
from tests.support.netns import Netns

BUCKET = Bucket(rate=2_500_000, burst=25_000, latency_microseconds=25_000)
WIDE = Bucket(rate=5_000_000_000, burst=500_000, latency_microseconds=25_000)
ROOT, INGRESS = 0xFFFFFFFF, 0xFFFFFFF1


def encoded(kind: Any, attributes: list[Any], **header: int) -> bytes:
    message = kind()
    for name, value in header.items():
        message[name] = value
    message["attrs"] = attributes
    message.encode()
    return bytes(message.data)[16:]  # without the netlink header, which the socket makes


def queue(kind: str, *options: Any, **header: int) -> bytes:
    """pyroute2 says with each rate how it fills its table of sizes, which the kernel reads no more; we have none."""
    attributes: list[Any] = [("TCA_KIND", kind), ("TCA_OPTIONS", {"attrs": list(options)})]
    told = encoded(tcmsg, attributes, index=5, **header)
    for linklayer in range(2):
        told = told.replace(bytes([3, linklayer, 0, 0, 0xFF, 0xFF]), bytes([0, linklayer, 0, 0, 0, 0]))
    return told


def u32(keys: list[str], *more: Any, priority: int, protocol: int, parent: int, class_id: int) -> bytes:
    options = [("TCA_U32_SEL", {"keys": keys}), ("TCA_U32_CLASSID", class_id), *more]
    return queue("u32", *options, parent=parent, info=priority << 16 | htons(protocol))


REDIRECT = (
    "TCA_U32_ACT",
    {
        "attrs": [
            (
                "TCA_ACT_PRIO_1",
                {
                    "attrs": [
                        ("TCA_ACT_KIND", "mirred"),
                        (
                            "TCA_ACT_OPTIONS",
                            {"attrs": [("TCA_MIRRED_PARMS", {"action": 4, "eaction": 1, "ifindex": 9})]},
                        ),
                    ]
                },
            )
        ]
    },
)
CLASS = {"rate": 2_500_000, "ceil": 2_500_000, "rate___reserved": 1, "ceil___reserved": 1}
WIDE_CLASS = {"rate": 0xFFFFFFFF, "ceil": 0xFFFFFFFF, "rate___reserved": 1, "ceil___reserved": 1}

MESSAGES: dict[str, tuple[Message, bytes]] = {
    "an ifb": (
        ifb.make("bwp0", mtu=1400),
        encoded(
            ifinfmsg,
            [
                ("IFLA_IFNAME", "bwp0"),
                ("IFLA_TXQLEN", 0),
                ("IFLA_MTU", 1400),
                ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "ifb")]}),
            ],
            flags=1,
            change=1,
        ),
    ),
    "a token bucket": (
        qdiscs.tbf(5, BUCKET),
        queue(
            "tbf",
            ("TCA_TBF_PARMS", {"rate": 2_500_000, "limit": 87_500, "buffer": 156_250}),
            handle=0x10000,
            parent=ROOT,
        ),
    ),
    "classes": (
        qdiscs.htb(5, default_class=1),
        queue(
            "htb",
            ("TCA_HTB_INIT", {"version": 3, "rate2quantum": 10, "defcls": 1}),
            ("TCA_HTB_DIRECT_QLEN", 1000),
            handle=0x10000,
            parent=ROOT,
        ),
    ),
    "a class": (
        qdiscs.htb_class(5, BUCKET),
        queue(
            "htb",
            ("TCA_HTB_PARMS", {**CLASS, "buffer": 156_250, "cbuffer": 156_250, "quantum": 1514}),
            handle=0x10001,
            parent=0x10000,
        ),
    ),
    "a class of more than four gigabytes a second": (
        qdiscs.htb_class(5, WIDE),
        queue(
            "htb",
            ("TCA_HTB_PARMS", {**WIDE_CLASS, "buffer": 1562, "cbuffer": 1562, "quantum": 1514}),
            ("TCA_HTB_RATE64", WIDE.rate),
            ("TCA_HTB_CEIL64", WIDE.rate),
            handle=0x10001,
            parent=0x10000,
        ),
    ),
    "what a link receives": (
        qdiscs.ingress(5),
        encoded(tcmsg, [("TCA_KIND", "ingress")], index=5, handle=0xFFFF0000, parent=INGRESS)
        + bytes([4, 0, 2, 0]),  # no options
    ),
    "a queue deleted": (qdiscs.delete(5, ROOT), encoded(tcmsg, [], index=5, parent=ROOT)),
    "an IPv4 destination": (
        filters.add(
            5,
            0xFFFF0000,
            Filter(
                priority=1,
                protocol=ETH_P_IP,
                keys=keys_of(ip_network("10.1.0.0/16"), DESTINATION),
                class_id=0x10001,
            ),
        ),
        u32(["0x0a010000/0xffff0000+16"], priority=1, protocol=0x800, parent=0xFFFF0000, class_id=0x10001),
    ),
    "an IPv6 source": (
        filters.add(
            5,
            0x10000,
            Filter(
                priority=2,
                protocol=ETH_P_IPV6,
                keys=keys_of(ip_network("fd00:1:2::/48"), SOURCE),
                class_id=0x10000,
            ),
        ),
        u32(
            ["0xfd000001/0xffffffff+8", "0x00020000/0xffff0000+12"],
            priority=2,
            protocol=0x86DD,
            parent=0x10000,
            class_id=0x10000,
        ),
    ),
    "everything, redirected": (
        filters.add(
            5, 0xFFFF0000, Filter(priority=3, protocol=ETH_P_ALL, class_id=0x10001, redirect=9)
        ),
        u32(["0x0/0x0+0"], REDIRECT, priority=3, protocol=3, parent=0xFFFF0000, class_id=0x10001),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_byte_for_byte_what_pyroute2_makes_of_it(ours: Message, theirs: bytes):
    assert ours.body.hex(" ", 4) == theirs.hex(" ", 4)


def test_a_burst_that_takes_longer_than_the_kernel_counts_is_as_long_as_it_counts():
    endless = Bucket(rate=1, burst=2**32 - 1, latency_microseconds=25_000)
    assert (endless.ticks, endless.limit) == (2**32 - 1, 2**32 - 1)


@pytest.fixture
def net(netns: Any) -> Iterator[tuple[Netns, Namespace]]:
    """A namespace with a pair of links."""
    made: Netns = netns("queues")
    made.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    made.ip("link", "set", "v0", "up")
    with Namespace.open(made.path) as held:
        yield made, held


@pytest.mark.kernel
@pytest.mark.parametrize("bucket", [BUCKET, WIDE], ids=["narrow", "wide"])
def test_what_is_made_is_read_back(bucket: Bucket, net: tuple[Netns, Namespace]):
    rtnl = net[1].rtnl
    link = links.get(rtnl, "v0")
    rtnl.request(qdiscs.tbf(link, bucket))
    assert qdiscs.find(rtnl, link) == Qdisc(
        kind="tbf", handle=0x10000, rate=bucket.rate, ticks=bucket.ticks, limit=bucket.limit
    )
    qdiscs.remove(rtnl, link, ROOT)
    qdiscs.remove(rtnl, link, ROOT)
    shaped = qdiscs.bfifo(link, 200_000)
    rtnl.batch([qdiscs.htb(link, default_class=1), qdiscs.htb_class(link, bucket), shaped])
    assert qdiscs.find(rtnl, link) == Qdisc(kind="htb", handle=0x10000, default_class=1)
    assert qdiscs.classes(rtnl, link) == [
        Qdisc(kind="htb", handle=0x10001, rate=bucket.rate, ticks=bucket.ticks)
    ]
    assert qdiscs.find(rtnl, link, 0x10001) == Qdisc(kind="bfifo", handle=0x20000, limit=200_000)


@pytest.mark.kernel
def test_filters_are_read_back_in_the_order_they_are_asked(net: tuple[Netns, Namespace]):
    rtnl = net[1].rtnl
    link, other = links.get(rtnl, "v0"), ifb.create(rtnl, "bwp0", mtu=1500)
    rtnl.request(qdiscs.ingress(link))
    made = [
        Filter(priority=3, protocol=ETH_P_ALL, class_id=0x10001, redirect=other.index),
        *(
            Filter(
                priority=1 if version == 4 else 2,
                protocol=ETH_P_IP if version == 4 else ETH_P_IPV6,
                keys=keys_of(ip_network(network), DESTINATION),
                class_id=0x10001,
            )
            for version, network in (
                (4, "10.1.0.0/16"), (6, "fc00::/7"), (4, "0.0.0.0/0"), (6, "2001:db8:1:2:3:4:5:6/128"),
            )
        ),
    ]  # fmt: skip
    rtnl.batch([filters.add(link, qdiscs.INGRESS_HANDLE, one) for one in made])
    read = filters.dump(rtnl, link, qdiscs.INGRESS_HANDLE)
    assert read == sorted(made, key=lambda one: one.priority)


@pytest.mark.kernel
def test_nothing_is_found_where_nothing_is(net: tuple[Netns, Namespace]):
    rtnl = net[1].rtnl
    link = links.get(rtnl, "v0")
    found = qdiscs.find(rtnl, link)
    assert found is not None
    assert (found.kind, found.handle) == ("noqueue", 0)
    assert qdiscs.find(rtnl, link, INGRESS) is None
    assert qdiscs.find(rtnl, End(index=999, name="gone")) is None
    assert filters.dump(rtnl, link, qdiscs.INGRESS_HANDLE) == []
    assert qdiscs.classes(rtnl, link) == []
    qdiscs.remove(rtnl, link, INGRESS)
    net[0].run("tc", "qdisc", "add", "dev", "v0", "clsact")
    net[0].run("tc", "filter", "add", "dev", "v0", "ingress", "bpf", "bytecode", "1,6 0 0 4294967295")
    assert filters.dump(rtnl, link, qdiscs.INGRESS_HANDLE) == []
