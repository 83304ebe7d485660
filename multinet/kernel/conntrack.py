"""UDP connections that the kernel tracks (linux/netfilter/nfnetlink_conntrack.h), and how it forgets them.

Rules that translate addresses are only asked about the first packet of a connection. In UDP that
is the first after some silence: a client that keeps sending stays with what was decided for it before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from multinet.cni.types import IP
from multinet.errors import NotFound
from multinet.kernel.attributes import nested, parse, raw
from multinet.kernel.errors import reads
from multinet.kernel.nfnetlink import Message, Nfnetlink, nest

SUBSYSTEM = 1  # NFNL_SUBSYS_CTNETLINK
GET, DELETE = 1, 2
FAMILIES = {4: 2, 6: 10}  # AF_INET, AF_INET6

TUPLE_ORIG, TUPLE_REPLY, ID, ZONE, FILTER = 1, 2, 12, 18, 25
TUPLE_IP, TUPLE_PROTO = 1, 2
IP_SRC, IP_DST = {4: 1, 6: 3}, {4: 2, 6: 4}
PROTO_NUM, PROTO_SRC_PORT, PROTO_DST_PORT = 1, 2, 3
FILTER_ORIG_FLAGS, FILTER_REPLY_FLAGS = 1, 2
FILTER_PROTO_NUM, FILTER_DST_PORT = 1 << 3, 1 << 5

UDP = 17


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """One of UDP: where its first packet was sent to, and where the answers come from."""

    destination: IP
    port: int
    answered_by: IP
    answering_port: int
    key: bytes
    """The attributes that name it."""

    @classmethod
    @reads("a connection")
    def read(cls, body: bytes, version: int) -> Self | None:
        """None for what is not of UDP."""
        parts = parse(body)
        sent, answer = parse(parts[TUPLE_ORIG]), parse(parts[TUPLE_REPLY])
        to, back = parse(sent[TUPLE_PROTO]), parse(answer[TUPLE_PROTO])
        if to[PROTO_NUM] != bytes([UDP]):
            return None
        names = {TUPLE_ORIG: nested(TUPLE_ORIG | 0x8000, parts[TUPLE_ORIG])}
        names |= {kind: raw(kind, parts[kind]) for kind in (ZONE, ID) if kind in parts}
        return cls(
            destination=ip_address(parse(sent[TUPLE_IP])[IP_DST[version]]),
            port=int.from_bytes(to[PROTO_DST_PORT]),
            answered_by=ip_address(parse(answer[TUPLE_IP])[IP_SRC[version]]),
            answering_port=int.from_bytes(back[PROTO_SRC_PORT]),
            key=b"".join(names.values()),
        )


def forget(net: Nfnetlink, version: int, ports: Collection[int], stale: Callable[[Connection], bool]) -> None:
    """Forget the UDP connections to one of ``ports`` that are ``stale``, so that the rules are asked again."""
    for port in sorted(set(ports)):
        for body in net.dump(_question(version, port)):
            found = Connection.read(body, version)
            if found is not None and found.port == port and stale(found):
                with suppress(NotFound):  # it has just ended
                    net.request(_deletion(version, found))


def _question(version: int, port: int) -> Message:
    """The kernel sorts out by itself from 5.8 on; older ones tell all connections."""
    proto = nest(TUPLE_PROTO, raw(PROTO_NUM, bytes([UDP])), raw(PROTO_DST_PORT, port.to_bytes(2)))
    flags = (FILTER_PROTO_NUM | FILTER_DST_PORT).to_bytes(4, sys.byteorder)
    which = nest(FILTER, raw(FILTER_ORIG_FLAGS, flags), raw(FILTER_REPLY_FLAGS, bytes(4)))
    return Message(
        subsystem=SUBSYSTEM,
        kind=GET,
        family=FAMILIES[version],
        body=nest(TUPLE_ORIG, proto) + which,
        doing=f"list the connections to UDP port {port}",
    )


def _deletion(version: int, connection: Connection) -> Message:
    return Message(
        subsystem=SUBSYSTEM,
        kind=DELETE,
        family=FAMILIES[version],
        body=connection.key,
        doing=f"forget a connection to UDP port {connection.port} of {connection.destination}",
    )
