"""Routes (linux/rtnetlink.h)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from struct import Struct
from typing import Self, TypeAlias

from multinet.cni.types import CIDR, IP
from multinet.errors import KernelError, NotFound
from multinet.kernel import attributes, links
from multinet.kernel.attributes import nested, raw, u32
from multinet.kernel.errors import reads
from multinet.kernel.links import Which
from multinet.kernel.rtnl import F_APPEND, F_CREATE, F_REPLACE, Message, Rtnl

Network: TypeAlias = IPv4Network | IPv6Network

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS = 1, 4, 5, 6, 7, 8
RTA_MULTIPATH, RTA_TABLE, RTA_VIA = 9, 15, 18
RTAX_MTU, RTAX_ADVMSS = 2, 8
RTN_UNICAST = 1
RTPROT_BOOT = 3
DEFAULT, MAIN, LOCAL = 253, 254, 255
"""Tables."""
UNIVERSE, LINK, HOST, NOWHERE = 0, 253, 254, 255
"""Scopes. NOWHERE, when deleting, means any."""
FAMILIES = {4: 2, 6: 10}  # AF_INET, AF_INET6

_RTMSG = Struct("=BBBBBBBBI")
_HOP = Struct("=HBBi")
_U32 = Struct("=I")
_FAMILY = Struct("=H")
_rtmsg = _RTMSG.pack
_ZERO = b"\0\0\0\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """One of the next hops of a multipath route."""

    gw: IP | None
    oif: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteEntry:
    """A route as the kernel has it, or as ``delete`` is to find it."""

    dst: CIDR
    gw: IP | None = None
    """Also where it is of the other family (an IPv4 route over an IPv6 gateway)."""
    oif: int = 0
    src: IP | None = None
    """The address that packets over this route are given."""
    priority: int = 0
    table: int = MAIN
    scope: int = UNIVERSE
    protocol: int = 0
    """Who made it. 0, when deleting, means anybody."""
    type: int = 0
    """RTN_UNICAST, ... 0, when deleting, means any."""
    mtu: int = 0
    advmss: int = 0
    hops: tuple[Hop, ...] = ()
    """All next hops of a multipath route; ``gw`` and ``oif`` are then not set."""

    @property
    def is_default(self) -> bool:
        return self.dst.network.prefixlen == 0

    @property
    def oifs(self) -> tuple[int, ...]:
        """The links it leads over."""
        return tuple(hop.oif for hop in self.hops) if self.hops else (self.oif,)

    @property
    def gateways(self) -> tuple[IP | None, ...]:
        return tuple(hop.gw for hop in self.hops) if self.hops else (self.gw,)

    @classmethod
    @reads("a route")
    def of(cls, body: bytes) -> Self | None:
        """Decode the body of an RTM_NEWROUTE; None for a family other than IPv4 and IPv6."""
        family, prefix, _, _, table, protocol, scope, type_, _ = _RTMSG.unpack_from(body)
        if family not in _NOWHERE_TO:
            return None
        get = attributes.parse(body, 12).get
        metrics = attributes.parse(get(RTA_METRICS, b""))
        return cls(
            dst=_cidr(get(RTA_DST) or _NOWHERE_TO[family], prefix),
            gw=_gateway(get(RTA_GATEWAY), get(RTA_VIA)),
            oif=_number(get(RTA_OIF)),
            src=_ip(get(RTA_PREFSRC)),
            priority=_number(get(RTA_PRIORITY)),
            table=_number(get(RTA_TABLE)) or table,
            scope=scope,
            protocol=protocol,
            type=type_,
            mtu=_number(metrics.get(RTAX_MTU)),
            advmss=_number(metrics.get(RTAX_ADVMSS)),
            hops=tuple(_hops(get(RTA_MULTIPATH, b""))),
        )


_NOWHERE_TO = {2: bytes(4), 10: bytes(16)}


def add(
    dst: CIDR,
    *,
    gw: IP | None = None,
    oif: Which = 0,
    src: IP | None = None,
    priority: int = 0,
    table: int | None = None,
    scope: int | None = None,
    mtu: int = 0,
    advmss: int = 0,
    replace: bool = False,
) -> Message:
    """Add a unicast route. For IPv4, one that is there already is Exists; for IPv6, one to the same
    destination over another next hop becomes a further hop of it. With ``replace`` it takes the place of one
    to the same destination with the same priority.

    ``dst`` keeps its host bits: for IPv4 the kernel refuses them, for IPv6 it drops them.
    """
    index = links.index_of(oif)
    table = table or MAIN
    parts = [
        _rtmsg(
            FAMILIES[dst.version],
            dst.network.prefixlen,
            0,
            0,
            table if table < 256 else 0,
            RTPROT_BOOT,
            scope or UNIVERSE,
            RTN_UNICAST,
            0,
        ),
        raw(RTA_DST, dst.ip.packed),
        *_where(dst, gw, index, src, priority, table),
        *_metrics(mtu, advmss),
    ]
    via = f" via {gw}" if gw else ""
    dev = f" dev {links.named(oif)}" if index else ""
    doing = f"add route to {dst}{via}{dev}"
    flags = F_CREATE | F_REPLACE if replace else F_CREATE
    return Message(doing=doing, type=RTM_NEWROUTE, flags=flags, body=b"".join(parts))


def again(entry: RouteEntry, *, table: int, replace: bool = False) -> Message:
    """The same route (not a multipath one) in ``table``, behind others to the same destination with the same
    priority. With ``replace`` it takes the place of one of them, which for IPv6 may be another link's.
    """
    header = _rtmsg(
        FAMILIES[entry.dst.version],
        entry.dst.network.prefixlen,
        0,
        0,
        table if table < 256 else 0,
        entry.protocol,
        entry.scope,
        entry.type,
        0,
    )
    parts = [
        header,
        raw(RTA_DST, entry.dst.ip.packed),
        *_where(entry.dst, entry.gw, entry.oif, entry.src, entry.priority, table),
        *_metrics(entry.mtu, entry.advmss),
    ]
    doing = f"put the route to {entry.dst} into table {table}"
    flags = F_CREATE | (F_REPLACE if replace else F_APPEND)
    return Message(doing=doing, type=RTM_NEWROUTE, flags=flags, body=b"".join(parts))


def delete(entry: RouteEntry) -> Message:
    """Delete the one route that is like ``entry``: a value that is not set fits any, also scope NOWHERE."""
    header = _rtmsg(
        FAMILIES[entry.dst.version],
        entry.dst.network.prefixlen,
        0,
        0,
        entry.table if entry.table < 256 else 0,
        entry.protocol,
        entry.scope,
        entry.type,
        0,
    )
    where = _where(entry.dst, entry.gw, entry.oif, entry.src, entry.priority, entry.table)
    body = b"".join((header, raw(RTA_DST, entry.dst.network.network_address.packed), *where))
    via = f" via {entry.gw}" if entry.gw else ""
    return Message(doing=f"delete route to {entry.dst}{via}", type=RTM_DELROUTE, body=body)


def _where(dst: CIDR, gw: IP | None, oif: int, src: IP | None, priority: int, table: int) -> list[bytes]:
    found = []
    if src is not None:
        found.append(raw(RTA_PREFSRC, src.packed))
    if gw is not None and gw.version != dst.version:
        found.append(raw(RTA_VIA, _FAMILY.pack(FAMILIES[gw.version]) + gw.packed))
    elif gw is not None:
        found.append(raw(RTA_GATEWAY, gw.packed))
    if table >= 256:
        found.append(u32(RTA_TABLE, table))
    if priority:
        found.append(u32(RTA_PRIORITY, priority))
    if oif:
        found.append(u32(RTA_OIF, oif))
    return found


def _metrics(mtu: int, advmss: int) -> list[bytes]:
    found = [u32(kind, value) for kind, value in ((RTAX_MTU, mtu), (RTAX_ADVMSS, advmss)) if value]
    return [nested(RTA_METRICS, *found)] if found else []


def dump(
    net: Rtnl,
    family: int | None = None,
    table: int | None = None,
    oif: int | None = None,
    *,
    to: Network | None = None,
) -> list[RouteEntry]:
    """The routes of a family (4 or 6, or both), of a table (or all, the local one too), over a link, to a network.

    ``to`` is cheap where there are many: what leads elsewhere is not decoded.
    """
    families = (family,) if family else (4, 6)
    return [
        entry
        for each in families
        for entry in _dump(net, each, table, oif, to)
        if (table is None or entry.table == table) and (oif is None or oif in entry.oifs)
    ]


def _dump(
    net: Rtnl, family: int, table: int | None, oif: int | None, to: Network | None
) -> Sequence[RouteEntry]:
    body = _rtmsg(FAMILIES[family], 0, 0, 0, table if table and table < 256 else 0, 0, 0, 0, 0)
    if table is not None and table >= 256:
        body += u32(RTA_TABLE, table)
    if oif:
        body += u32(RTA_OIF, oif)
    try:
        bodies = net.dump(Message(doing="list routes", type=RTM_GETROUTE, body=body))
    except NotFound:
        return ()  # a table without routes does not exist
    if to is not None:
        # The second octet of a message is the prefix's length. A default route tells no destination.
        told = raw(RTA_DST, to.network_address.packed) if to.prefixlen else b""
        bodies = [body for body in bodies if body[1] == to.prefixlen and told in body]
    found = (RouteEntry.of(answer) for answer in bodies)
    # A kernel without a family answers for all the others.
    return [
        entry
        for entry in found
        if entry is not None and entry.dst.version == family and (to is None or entry.dst.network == to)
    ]


def put_back(net: Rtnl, entries: Iterable[RouteEntry]) -> None:
    """Into the main table, those first that others are reached over. What leads nowhere any more is left out."""
    there = {(entry.dst, entry.gw, entry.oif, entry.priority) for entry in dump(net, table=MAIN)}
    for entry in sorted(entries, key=lambda entry: entry.gw is not None):
        if (entry.dst, entry.gw, entry.oif, entry.priority) not in there:
            with suppress(KernelError):
                net.request(again(entry, table=MAIN))


def default_link(net: Rtnl) -> int | None:
    """The index of the link of the first default route: in the main table, IPv4 before IPv6."""
    for entry in dump(net, table=MAIN):
        if entry.is_default and entry.type == RTN_UNICAST:
            return entry.oifs[0]
    return None


def _cidr(packed: bytes, prefix: int) -> CIDR:
    return IPv4Interface((packed, prefix)) if len(packed) == 4 else IPv6Interface((packed, prefix))


def _ip(packed: bytes | None) -> IP | None:
    if not packed:
        return None
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)


def _gateway(gateway: bytes | None, via: bytes | None) -> IP | None:
    return _ip(gateway if gateway else via and via[2:])  # VIA: a family in front


def _number(value: bytes | None) -> int:
    number: int = _U32.unpack_from(value or _ZERO)[0]
    return number


def _hops(data: bytes) -> list[Hop]:
    found = []
    start = 0
    while start + 8 <= len(data):
        length, _, _, oif = _HOP.unpack_from(data, start)
        if length < 8:
            break
        get = attributes.parse(data[start + 8 : start + length]).get
        found.append(Hop(gw=_gateway(get(RTA_GATEWAY), get(RTA_VIA)), oif=oif))
        start += (length + 3) & ~3
    return found


def way_to(net: Rtnl, address: IP) -> RouteEntry | None:
    """How the kernel would send there now; None when it could not."""
    header = _rtmsg(FAMILIES[address.version], 8 * len(address.packed), 0, 0, 0, 0, 0, 0, 0)
    body = header + raw(RTA_DST, address.packed)
    try:
        answer = net.get(Message(doing=f"look up the route to {address}", type=RTM_GETROUTE, body=body))
    except KernelError:
        return None
    return RouteEntry.of(answer)
