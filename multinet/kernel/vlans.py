"""The VLANs of a bridge's ports (linux/if_bridge.h). ``links`` gives these functions out."""

from __future__ import annotations

from struct import Struct

from multinet.kernel.attributes import each, nested, parse, raw, u16, u32
from multinet.kernel.errors import reads
from multinet.kernel.link import IFINFOMSG, IFLA_AF_SPEC, IFLA_EXT_MASK
from multinet.kernel.rtnl import Message, Rtnl

RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 17, 18, 19
AF_BRIDGE = 7
BRIDGE_FLAGS, BRIDGE_VLAN_INFO = 0, 2
MASTER, SELF = 1, 2
PVID, UNTAGGED, RANGE_BEGIN, RANGE_END = 1 << 1, 1 << 2, 1 << 3, 1 << 4
_COMPRESSED = u32(IFLA_EXT_MASK, 1 << 2)
_VLAN = Struct("=HH")


def vlan_add(
    index: int,
    vid: int,
    *,
    pvid: bool = False,
    untagged: bool = False,
    vid_end: int | None = None,
    of_bridge: bool = False,
) -> Message:
    """Admit a VLAN, or all from ``vid`` to ``vid_end``, at a port; ``of_bridge`` at the bridge itself."""
    flags = (PVID if pvid else 0) | (UNTAGGED if untagged else 0)
    return _message(RTM_SETLINK, "add", "to", index, flags, vid, vid_end, of_bridge)


def vlan_delete(index: int, vid: int, *, vid_end: int | None = None, of_bridge: bool = False) -> Message:
    return _message(RTM_DELLINK, "remove", "from", index, 0, vid, vid_end, of_bridge)


@reads("the VLANs of a port")
def dump_vlans(net: Rtnl) -> dict[int, list[tuple[int, int]]]:
    """For each port and bridge, by index: its VLANs with their flags (PVID, UNTAGGED)."""
    body = IFINFOMSG.pack(AF_BRIDGE, 0, 0, 0, 0) + _COMPRESSED
    found: dict[int, list[tuple[int, int]]] = {}
    for answer in net.dump(Message(doing="list bridge VLANs", type=RTM_GETLINK, body=body)):
        _, _, index, _, _ = IFINFOMSG.unpack_from(answer)
        found.setdefault(index, []).extend(read_vlans(parse(answer, 16).get(IFLA_AF_SPEC, b"")))
    return found


def read_vlans(specification: bytes) -> list[tuple[int, int]]:
    """Single VLANs and ranges, as a dump has them, to (vid, flags) of each."""
    found = []
    begin = 0
    for kind, value in each(specification):
        if kind != BRIDGE_VLAN_INFO:
            continue
        flags, vid = _VLAN.unpack_from(value)
        if flags & RANGE_BEGIN:
            begin = vid
            continue
        first = begin if flags & RANGE_END else vid
        found += [(each_vid, flags & (PVID | UNTAGGED)) for each_vid in range(first, vid + 1)]
    return found


def _message(
    type_: int, verb: str, where: str, index: int, flags: int, vid: int, vid_end: int | None, of_bridge: bool
) -> Message:
    infos = [(flags, vid)]
    if vid_end is not None and vid_end != vid:
        infos = [(flags | RANGE_BEGIN, vid), (flags | RANGE_END, vid_end)]
    specification = nested(
        IFLA_AF_SPEC,
        u16(BRIDGE_FLAGS, SELF if of_bridge else MASTER),
        *(raw(BRIDGE_VLAN_INFO, _VLAN.pack(*info)) for info in infos),
    )
    what = f"VLAN {vid}" if len(infos) == 1 else f"VLANs {vid} to {vid_end}"
    return Message(
        doing=f"{verb} {what} {where} the port with index {index}",
        type=type_,
        body=IFINFOMSG.pack(AF_BRIDGE, 0, index, 0, 0) + specification,
    )
