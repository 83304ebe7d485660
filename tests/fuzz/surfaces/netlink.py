"""What the kernel says: rtnetlink's datagrams and every message that we read out of them, nf_tables and conntrack."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from multinet.kernel import (
    addresses,
    conntrack,
    filters,
    link,
    nft,
    nft_expr,
    nft_nat,
    qdiscs,
    routes,
    rules,
    vfs,
)
from multinet.kernel import nfnetlink as nf
from multinet.kernel import rtnl as rt
from multinet.kernel.attributes import nested, raw, text, u8, u32
from multinet.kernel.link import Link
from multinet.kernel.links import dump, dump_vlans
from multinet.kernel.nfnetlink import Nfnetlink, Outdated
from multinet.kernel.rtnl import Rtnl
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface, pure

MAC = bytes.fromhex("020000000001")
V4, V6 = bytes((10, 1, 2, 3)), bytes.fromhex("fd000000000000000000000000000003")


def a_link(*more: bytes) -> bytes:
    front = link.IFINFOMSG.pack(0, 1, 7, link.IFF_UP, 0)
    return front + b"".join(
        (
            text(link.IFLA_IFNAME, "eth0"),
            raw(link.IFLA_ADDRESS, MAC),
            u32(link.IFLA_MTU, 1500),
            u32(link.IFLA_LINK, 3),
            u32(link.IFLA_MASTER, 4),
            u32(link.IFLA_TXQLEN, 1000),
            u8(link.IFLA_OPERSTATE, 6),
            u32(link.IFLA_GROUP, 77),
            u32(link.IFLA_LINK_NETNSID, 0),
            text(link.IFLA_IFALIAS, "ours"),
            *more,
        )
    )


def of_kind(kind: str, *data: bytes) -> bytes:
    return a_link(nested(link.IFLA_LINKINFO, text(link.INFO_KIND, kind), nested(link.INFO_DATA, *data)))


LINKS = [
    a_link(),
    of_kind("macvlan", u32(link.MACVLAN_MODE, 4), u32(link.MACVLAN_BC_QUEUE_LEN, 1000)),
    of_kind("bridge", u8(link.BR_VLAN_FILTERING, 1), raw(link.BR_VLAN_DEFAULT_PVID, b"\1\0")),
    of_kind("vlan", raw(link.VLAN_ID, b"\x0a\0")),
    of_kind("vrf", u32(link.VRF_TABLE, 10)),
    of_kind("vxlan", u32(link.VXLAN_ID, 5), raw(link.VXLAN_GROUP, V4), raw(link.VXLAN_LOCAL6, V6)),
    a_link(
        nested(
            link.IFLA_LINKINFO,
            text(link.INFO_SLAVE_KIND, "bridge"),
            nested(link.INFO_SLAVE_DATA, u8(link.BRPORT_MODE, 1), u8(link.BRPORT_ISOLATED, 0)),
        )
    ),
]
ADDRESSES = [
    struct.pack("=BBBBI", 2, 24, 0x80, 0, 7) + raw(1, V4) + raw(2, V4) + u32(8, 0x80),
    struct.pack("=BBBBI", 10, 64, 0x80, 253, 7) + raw(1, V6) + u32(8, 0x40),
]
ROUTES = [
    struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 3, 0, 1, 0)
    + raw(routes.RTA_DST, V4)
    + raw(routes.RTA_GATEWAY, V4)
    + u32(routes.RTA_OIF, 7)
    + u32(routes.RTA_PRIORITY, 5)
    + nested(routes.RTA_METRICS, u32(routes.RTAX_MTU, 1400)),
    struct.pack("=BBBBBBBBI", 10, 0, 0, 0, 254, 3, 0, 1, 0)
    + raw(
        routes.RTA_MULTIPATH,
        struct.pack("=HBBi", 28, 0, 0, 7) + raw(routes.RTA_GATEWAY, V6) + struct.pack("=HBBi", 8, 0, 0, 8),
    ),
    struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0) + raw(routes.RTA_VIA, b"\x0a\0" + V6),
]
RULES = [struct.pack("=BBBBBBBBI", 2, 0, 32, 0, 100, 0, 0, 1, 0) + raw(2, V4) + u32(6, 100) + u32(15, 1000)]
_RATE = struct.pack("=BBHhHI", 0, 1, 0, -1, 0, 125000)
QDISCS = [
    qdiscs.TCMSG.pack(0, 7, 1 << 16, qdiscs.ROOT, 0)
    + text(qdiscs.TCA_KIND, "tbf")
    + nested(
        qdiscs.TCA_OPTIONS,
        raw(qdiscs.TCA_TBF_PARMS, struct.pack("=12s12sIII", _RATE, bytes(12), 1, 2, 3)),
        raw(qdiscs.TCA_TBF_RATE64, struct.pack("=Q", 2**33)),
    ),
    qdiscs.TCMSG.pack(0, 7, 1 << 16, qdiscs.ROOT, 0)
    + text(qdiscs.TCA_KIND, "htb")
    + nested(qdiscs.TCA_OPTIONS, raw(qdiscs.TCA_HTB_INIT, struct.pack("=IIIII", 3, 10, 1, 0, 0))),
    qdiscs.TCMSG.pack(0, 7, 1 << 16 | 1, qdiscs.ROOT, 0)
    + text(qdiscs.TCA_KIND, "htb")
    + nested(
        qdiscs.TCA_OPTIONS,
        raw(qdiscs.TCA_HTB_PARMS, struct.pack("=12s12sIIIII", _RATE, _RATE, 1, 1, 1514, 0, 0)),
    ),
    qdiscs.TCMSG.pack(0, 7, 1, 2, 0) + text(qdiscs.TCA_KIND, "bfifo") + u32(qdiscs.TCA_OPTIONS, 1000),
]
FILTERS = [
    filters.add(
        7,
        1 << 16,
        filters.Filter(
            priority=1,
            protocol=0x0800,
            keys=filters.keys_of(ip_network("10.1.0.0/16"), filters.SOURCE),
            class_id=1,
            redirect=3,
        ),
    ).body
]
VLANS = [
    link.IFINFOMSG.pack(7, 0, 7, 0, 0)
    + nested(
        26,
        raw(2, struct.pack("=HH", 1 << 3, 10)),
        raw(2, struct.pack("=HH", 1 << 4, 20)),
        raw(2, b"\6\0\1\0"),
    )
]
VFS = [
    link.IFINFOMSG.pack(0, 1, 7, 0, 0)
    + nested(
        vfs.IFLA_VFINFO_LIST,
        nested(
            vfs.VF_INFO,
            raw(vfs.VF_MAC, struct.pack("=I32s", 0, MAC)),
            raw(vfs.VF_VLAN, struct.pack("=III", 0, 5, 1)),
            raw(vfs.VF_RATE, struct.pack("=III", 0, 0, 100)),
            raw(vfs.VF_SPOOFCHK, struct.pack("=II", 0, 1)),
            raw(vfs.VF_TRUST, struct.pack("=II", 0, 0xFFFFFFFF)),
            raw(vfs.VF_LINK_STATE, struct.pack("=II", 0, 2)),
            nested(vfs.VF_VLAN_LIST, raw(vfs.VF_VLAN_INFO, struct.pack("=III", 0, 5, 1) + b"\x81\0\0\0")),
        ),
    )
]


def _everything(told: Link) -> None:
    _ = told.name, told.mac, told.mtu, told.kind, told.slave_kind, told.master, told.parent, told.link_netnsid
    _ = (
        told.group,
        told.operstate,
        told.txqlen,
        told.alias,
        told.device,
        told.up,
        told.info,
        told.port,
        repr(told),
    )


class Read(NamedTuple):
    """One kind of message: what it looks like, and who reads it, given a socket whose next answer it is."""

    what: str
    bodies: list[bytes]
    front: int
    by: Callable[[Rtnl], Any]


READS = (
    Read("links", LINKS, 16, lambda net: [_everything(one) for one in dump(net)]),
    Read("addresses", ADDRESSES, 8, addresses.dump),
    Read("routes", ROUTES, 12, lambda net: routes.dump(net, 4)),
    Read("rules", RULES, 12, rules.dump),
    Read("queues", QDISCS, 20, lambda net: qdiscs.classes(net, 7)),
    Read("a queue", QDISCS, 20, lambda net: qdiscs.find(net, 7, qdiscs.ROOT)),
    Read("filters", FILTERS, 20, lambda net: filters.dump(net, 7, 1 << 16)),
    Read("VLANs of ports", VLANS, 16, dump_vlans),
)


class Kernel:
    """A socket pair: what its other end has said already is what the kernel will answer. It never waits."""

    def __init__(self) -> None:
        self.ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self._theirs.setblocking(False)

    def says(self, *datagrams: bytes) -> None:
        for one in datagrams:
            with suppress(BlockingIOError):
                self._theirs.send(one)

    def close(self) -> None:
        self.ours.close()
        self._theirs.close()


def message(kind: int, body: bytes, *, sequence: int = 1, flags: int = 2) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def _answers(dice: Random, body: bytes) -> list[bytes]:
    """A dump's answer: in order, or with messages of others, refusals, interruptions and wrong lengths in it."""
    done = message(rt.NLMSG_DONE, struct.pack("=i", 0))
    said = [message(16, body), done]
    match dice.randrange(8):
        case 0:
            said.insert(dice.randrange(2), message(16, body, sequence=dice.choice((0, 2, 2**32 - 1))))
        case 1:
            code = -dice.choice((errno.EPERM, errno.ENOENT, errno.EBUSY, 0, 12345))
            refusal = (
                struct.pack("=i", code) + struct.pack("=IHHII", 16, 18, 0, 1, 0) + text(1, "no such thing")
            )
            said[dice.randrange(2)] = message(rt.NLMSG_ERROR, refusal, flags=dice.choice((0, 0x200, 0x300)))
        case 2:
            said = [message(16, body, flags=2 | rt.F_DUMP_INTR), done] * dice.choice((1, 2))
        case 3:
            said[-1] = message(rt.NLMSG_DONE, dice.randbytes(dice.choice((0, 2, 4, 40))), flags=0x202)
        case 4:
            said.pop()
        case 5:
            said = [damage.data(dice, b"".join(said))]
    return said if dice.random() < 0.5 else [b"".join(said)]


def _rtnetlink(one: Read) -> Surface:
    def make(dice: Random) -> list[bytes]:
        body = dice.choice(one.bodies)
        if dice.random() < 0.8:
            body = damage.attributes(dice, body, one.front)
        return _answers(dice, body)

    def feed(said: list[bytes]) -> None:
        kernel = Kernel()
        try:
            kernel.says(*said)
            one.by(Rtnl(kernel.ours))
        finally:
            kernel.close()

    return Surface(name=f"rtnetlink: {one.what}", of="netlink answer", make=make, open=pure(feed), short=150)


def _vfs(dice: Random) -> list[bytes]:
    """The answer to a question for one thing."""
    body = damage.attributes(dice, dice.choice(VFS), 16)
    return [message(16, body)] if dice.random() < 0.8 else _answers(dice, body)


def _read_vfs(said: list[bytes]) -> None:
    kernel = Kernel()
    try:
        kernel.says(*said)
        vfs.dump(Rtnl(kernel.ours), 7)
    finally:
        kernel.close()


def _changes(dice: Random) -> list[bytes]:
    """What is said to a batch of three."""
    said = [
        message(
            rt.NLMSG_ERROR, struct.pack("=i", -dice.choice((0, 0, 0, errno.EEXIST))) + bytes(16), sequence=one
        )
        for one in (1, 2, 3)
    ]
    dice.shuffle(said)
    return said if dice.random() < 0.5 else [damage.data(dice, b"".join(said))]


def _change(said: list[bytes]) -> None:
    kernel = Kernel()
    try:
        kernel.says(*said)
        net = Rtnl(kernel.ours)
        net.batch([rt.Message(doing="set something up", type=16, body=bytes(16))] * 3)
        assert not net.closed
    finally:
        kernel.close()


# --- netfilter ---

EXPRESSIONS = (
    nft_expr.protocol(4)
    + nft_expr.source(ip_network("10.1.2.3/32").network_address)
    + nft_expr.jump("chain"),
    nft_expr.from_interface("eth0") + nft_expr.destination(ip_network("10.1.0.0/17")) + nft_expr.MASQUERADE,
    nft_expr.tracked(6) + nft_expr.ACCEPT,
    nft_nat.to_this_host() + nft_expr.DROP,
)
NFT_RULES = [
    text(nft.RULE_TABLE, "multinet")
    + text(nft.RULE_CHAIN, "a")
    + raw(nft.RULE_HANDLE, bytes(7) + b"\5")
    + nf.nest(nft.RULE_EXPRESSIONS, one)
    + raw(nft.RULE_USERDATA, b"\0\5ours\0")
    for one in EXPRESSIONS
]
_TUPLE = nested(conntrack.TUPLE_IP, raw(1, V4), raw(2, V4), raw(3, V6), raw(4, V6)) + nested(
    conntrack.TUPLE_PROTO, raw(1, b"\x11"), raw(2, b"\0\x35"), raw(3, b"\0\x35")
)
CONNECTIONS = [
    nested(conntrack.TUPLE_ORIG, _TUPLE) + nested(conntrack.TUPLE_REPLY, _TUPLE) + raw(conntrack.ID, b"abcd")
]


def _nft_answers(dice: Random, body: bytes) -> list[bytes]:
    return _answers(dice, nf.GENMSG.pack(2, 0, 0) + body)


@contextmanager
def _nfnetlink(_: Path) -> Iterator[Feed]:
    def feed(said: list[bytes]) -> None:
        kernel = Kernel()
        try:
            kernel.says(*said)
            question = nf.Message(kind=7, doing="list the rules")
            with suppress(
                Outdated
            ):  # nobody changes them any more: it would be asked in vain for ten seconds
                for body in list(Nfnetlink(kernel.ours)._answers(question, flags=nf.NLM_F_DUMP)):
                    found = nft.Rule.read(body)
                    _ = found.target, found.wanted(nft_expr.SOURCE[4])
                    nft_nat.translation(found.meaning, 4)
        finally:
            kernel.close()

    yield feed


def _settle(said: list[bytes]) -> None:
    kernel = Kernel()
    try:
        kernel.says(*said)
        with suppress(Outdated):
            Nfnetlink(kernel.ours).commit([nf.Message(kind=0, doing="add a rule")] * 2, doing="add rules")
    finally:
        kernel.close()


def _connection(body: bytes) -> None:
    for version in (4, 6):
        conntrack.Connection.read(body, version)


def _rule(dice: Random) -> list[bytes]:
    body = dice.choice(NFT_RULES)
    return _nft_answers(dice, damage.attributes(dice, body) if dice.random() < 0.8 else body)


SURFACES = (
    *map(_rtnetlink, READS),
    Surface(
        name="rtnetlink: virtual functions", of="netlink answer", make=_vfs, open=pure(_read_vfs), short=150
    ),
    Surface(
        name="rtnetlink: answers to changes",
        of="netlink answer",
        make=_changes,
        open=pure(_change),
        short=150,
    ),
    Surface(name="nf_tables: rules", of="netlink answer", make=_rule, open=_nfnetlink),
    Surface(
        name="nf_tables: answers to a batch",
        of="netlink answer",
        make=_changes,
        open=pure(_settle),
        short=150,
    ),
    Surface(
        name="conntrack",
        of="netlink answer",
        make=lambda dice: damage.attributes(dice, dice.choice(CONNECTIONS)),
        open=pure(_connection),
    ),
)
