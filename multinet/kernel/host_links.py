"""VLANs and VXLANs on a link of the host, made there to be the master of others (linux/if_link.h).

What we make bears a link group of its own, which the kernel takes with the very message that makes the link: a random
number by which it is known for ours again. An alias, which people would read, could only follow in a second message.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from multinet.cni.types import IP
from multinet.errors import InvalidConfig, KernelError
from multinet.kernel import addresses, links
from multinet.kernel.addresses import SCOPE_LINK
from multinet.kernel.attributes import nested, raw, text, u16, u32
from multinet.kernel.link import (
    IFINFOMSG,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MASTER,
    INFO_DATA,
    INFO_KIND,
    VLAN_ID,
    VXLAN_GROUP,
    VXLAN_GROUP6,
    VXLAN_ID,
    VXLAN_LINK,
    VXLAN_LOCAL,
    VXLAN_LOCAL6,
    VXLAN_PORT,
    Link,
)
from multinet.kernel.links import RTM_NEWLINK, RTM_SETLINK, End
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message, Rtnl

ALIAS = "made by multinet, goes with its last user"
"""For whoever looks at the link."""

_MARK = 0x20000000
_MARK_BITS = 0xF0000000
"""Groups from here on, apart from those of containers' links (``names.link_group``) and from the small ones that
people use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vlan:
    """What ``parent`` sends and gets with that tag."""

    parent: str
    id: int
    mtu: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Vxlan:
    """A tunnel from ``parent`` to ``remote``, one node or a multicast group of them."""

    parent: str
    id: int
    remote: IP
    local: IP | None
    port: int
    mtu: int = 0


Shape = Vlan | Vxlan


def new_mark() -> int:
    return _MARK | (int.from_bytes(os.urandom(4), "big") & ~_MARK_BITS)


def is_marked(link: Link) -> bool:
    """May it be one that we made?"""
    return link.group & _MARK_BITS == _MARK


def make(name: str, shape: Shape, parent: Link | End, *, mark: int, bridge: int = 0) -> Message:
    """The link, down; a port of ``bridge`` from the start, where that is the index of one."""
    settings = links.common(mtu=shape.mtu, group=mark)
    if bridge:
        settings.append(u32(IFLA_MASTER, bridge))
    kind, data = ("vlan", _vlan(shape)) if isinstance(shape, Vlan) else ("vxlan", _vxlan(shape, parent))
    # A VXLAN has its parent among its own settings.
    on = u32(IFLA_LINK, parent.index) if kind == "vlan" else b""
    info = nested(IFLA_LINKINFO, text(INFO_KIND, kind), nested(INFO_DATA, *data))
    body = b"".join((links.NO_LINK, on, text(IFLA_IFNAME, name), *settings, info))
    doing = f"make the {kind} {name} on {parent.name}"
    return Message(doing=doing, type=RTM_NEWLINK, flags=F_CREATE | F_EXCL, body=body)


def tell_whose(link: Link | End) -> Message:
    body = IFINFOMSG.pack(0, 0, link.index, 0, 0) + text(IFLA_IFALIAS, ALIAS)
    return Message(doing=f"set the alias of {link.name}", type=RTM_SETLINK, body=body)


def refuse_other(net: Rtnl, link: Link, shape: Shape) -> None:
    """Raise InvalidConfig unless the link is what ``shape`` says."""
    is_, wanted = _told(net, link), _wanted(shape)
    for what, value in wanted.items():
        if is_.get(what) != value:
            raise InvalidConfig(
                f'the link "{link.name}" is not the one that is described: its {what} is '
                f"{is_.get(what) or 'none'}, not {value}",
                hint="give one of the two another name; networks that share a link must describe it alike",
            )


def users_besides(net: Rtnl, link: Link, bridge: str) -> str:
    """What stands on the link in its own namespace that is none of ours, in words; "" when nothing does.

    The links that we make on it are in containers. What somebody else has in another namespace can't be seen.
    """
    for other in links.dump(net):
        if other.index == link.master and other.name != bridge:
            return f"it is a port of {other.name}"
        stands = other.parent == link.index and other.link_netnsid is None
        if stands or other.info.get("link") == link.index:
            return f"{other.name} stands on it"
    for held in addresses.dump(net, link.index):
        if held.scope < SCOPE_LINK:
            return f"it has the address {held.address}"
    return ""


def explained(error: KernelError, shape: Shape) -> KernelError:
    """The kernel has one link a tag, and one a VXLAN's number and port, whatever their names."""
    kind = "VLAN" if isinstance(shape, Vlan) else "VXLAN"
    error.hint = f"another link has {kind} {shape.id} already: name that one, or remove it"
    return error


def _vlan(shape: Vlan) -> list[bytes]:
    return [u16(VLAN_ID, shape.id)]


def _vxlan(shape: Vxlan, parent: Link | End) -> list[bytes]:
    data = [
        u32(VXLAN_ID, shape.id),
        u32(VXLAN_LINK, parent.index),
        raw(VXLAN_PORT, shape.port.to_bytes(2, "big")),
        raw(VXLAN_GROUP if shape.remote.version == 4 else VXLAN_GROUP6, shape.remote.packed),
    ]
    if shape.local is not None:
        data.append(raw(VXLAN_LOCAL if shape.local.version == 4 else VXLAN_LOCAL6, shape.local.packed))
    return data


def _wanted(shape: Shape) -> dict[str, object]:
    wanted: dict[str, object] = {"parent": shape.parent, "id": shape.id}
    if isinstance(shape, Vlan):
        return {"type": "vlan", **wanted}
    wanted |= {"port": shape.port, "far end": str(shape.remote)}
    return {"type": "vxlan", **wanted} | ({"local": str(shape.local)} if shape.local is not None else {})


def _told(net: Rtnl, link: Link) -> dict[str, object]:
    """What of the same the link is."""
    info = link.info
    told: dict[str, object] = {"type": link.kind, "far end": info.get("remote")}
    told |= {what: info[what] for what in ("id", "port", "local") if what in info}
    index = info.get("link", 0) if link.kind == "vxlan" else link.parent
    if index and link.link_netnsid is None:
        told["parent"] = links.get_by_index(net, index).name
    return told
