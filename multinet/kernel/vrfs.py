"""VRFs: links that give the interfaces below them a routing table of their own (linux/if_link.h, IFLA_VRF_TABLE)."""

from __future__ import annotations

from multinet.kernel.attributes import nested, text, u32
from multinet.kernel.link import IFINFOMSG, IFLA_IFNAME, IFLA_LINKINFO, INFO_DATA, INFO_KIND, VRF_TABLE, Link
from multinet.kernel.links import RTM_NEWLINK, dump
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message, Rtnl

RESERVED = frozenset({253, 254, 255})
"""The kernel's own tables: default, main, local."""


def make_vrf(name: str, table: int) -> Message:
    info = nested(IFLA_LINKINFO, text(INFO_KIND, "vrf"), nested(INFO_DATA, u32(VRF_TABLE, table)))
    body = IFINFOMSG.pack(0, 0, 0, 0, 0) + text(IFLA_IFNAME, name) + info
    doing = f"make VRF {name} with table {table}"
    return Message(doing=doing, type=RTM_NEWLINK, flags=F_CREATE | F_EXCL, body=body)


def table_of(link: Link) -> int:
    """0 for a link that is no VRF."""
    return int(link.info["table"]) if link.kind == "vrf" else 0


def free_table(net: Rtnl) -> int:
    """The first that no VRF of the namespace has."""
    taken = {table_of(link) for link in dump(net)} | RESERVED
    return next(table for table in range(1, 2**32) if table not in taken)


def members(net: Rtnl, vrf: Link) -> list[Link]:
    return [link for link in dump(net) if link.master == vrf.index]
