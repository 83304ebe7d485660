"""Links: looked up, made, changed and deleted (linux/if_link.h).

The functions with the kernel's verbs (``make_veth``, ``set_up``, ``delete``) return a message, so that several
can go together; ``create_veth`` and ``remove`` are whole operations. A link is made in one
message, in the namespace where it is to be, with its final name: nothing is made elsewhere and moved, since a
move holds the kernel's lock through an RCU grace period.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from multinet.errors import NotFound
from multinet.kernel.attributes import NESTED, nested, raw, text, u8, u32
from multinet.kernel.link import (
    BR_VLAN_FILTERING,
    BRPORT_ISOLATED,
    BRPORT_MODE,
    IFF_ALLMULTI,
    IFF_PROMISC,
    IFF_UP,
    IFINFOMSG,
    IFLA_ADDRESS,
    IFLA_ALT_IFNAME,
    IFLA_EXT_MASK,
    IFLA_GROUP,
    IFLA_IFNAME,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    IFLA_NUM_RX_QUEUES,
    IFLA_NUM_TX_QUEUES,
    IFLA_PROTINFO,
    IFLA_TXQLEN,
    INFO_DATA,
    INFO_KIND,
    OPER_UP,
    OPERSTATES,
    Link,
)
from multinet.kernel.rtnl import F_CREATE, F_ECHO, F_EXCL, Message, Rtnl
from multinet.kernel.vlans import dump_vlans, vlan_add, vlan_delete

__all__ = [
    "OPERSTATES",
    "OPER_UP",
    "End",
    "Link",
    "bridge_port",
    "create_veth",
    "delete",
    "delete_by_name",
    "delete_group",
    "dump",
    "dump_vlans",
    "find",
    "get",
    "get_by_index",
    "get_each",
    "make_bridge",
    "make_dummy",
    "make_veth",
    "remove",
    "rename",
    "set_allmulti",
    "set_down",
    "set_mac",
    "set_master",
    "set_mtu",
    "set_promisc",
    "set_txqlen",
    "set_up",
    "vlan_add",
    "vlan_delete",
]

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
AF_BRIDGE = 7
VETH_INFO_PEER = 1
LONGEST_NAME = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """A link of which no more is known."""

    index: int
    name: str


Which: TypeAlias = Link | End | int
"""A link, or its index where not even its name is known: that only makes messages less telling."""

_ifinfo = IFINFOMSG.pack
NO_LINK = _ifinfo(0, 0, 0, 0, 0)
_SKIP_STATISTICS = u32(IFLA_EXT_MASK, 1 << 3)
_GET_ANY = NO_LINK + _SKIP_STATISTICS
_ONE_QUEUE = u32(IFLA_NUM_TX_QUEUES, 1) + u32(IFLA_NUM_RX_QUEUES, 1)


# Looking up


def get(net: Rtnl, name: str) -> Link:
    """Raises NotFound: "could not find link eth9"."""
    link = find(net, name)
    if link is None:
        raise NotFound(f"could not find link {name}")
    return link


def find(net: Rtnl, name: str) -> Link | None:
    try:
        return Link(net.get(get_message(name)))
    except NotFound:
        return None


def get_by_index(net: Rtnl, index: int) -> Link:
    """Raises NotFound: "could not find the link with index 7"."""
    try:
        return Link(net.get(index_message(index)))
    except NotFound as error:
        raise NotFound(f"could not find the link with index {index}", errno=error.errno) from error


def get_each(net: Rtnl, *indexes: int) -> list[Link]:
    """Several at once. Raises NotFound when one of them is not there."""
    return [Link(body or b"") for body in net.batch([index_message(index) for index in indexes])]


def dump(net: Rtnl) -> list[Link]:
    """All links of the namespace."""
    return [Link(body) for body in net.dump(Message(doing="list links", type=RTM_GETLINK, body=_GET_ANY))]


def get_message(name: str) -> Message:
    # A name that is too long for a link can still be an alternative name of one.
    kind = IFLA_IFNAME if len(name.encode()) <= LONGEST_NAME else IFLA_ALT_IFNAME
    return Message(doing=f"look at link {name}", type=RTM_GETLINK, body=_GET_ANY + text(kind, name))


def index_message(index: int) -> Message:
    body = _ifinfo(0, 0, index, 0, 0) + _SKIP_STATISTICS
    return Message(doing=f"look at the link with index {index}", type=RTM_GETLINK, body=body)


# Making


def create_veth(
    net: Rtnl,
    name: str,
    peer: str,
    *,
    peer_ns_fd: int,
    mtu: int = 0,
    mac: str = "",
    peer_mac: str = "",
    group: int = 0,
) -> Link:
    """Make a veth pair as ``make_veth`` says; the near end. Raises Exists when either name is taken."""
    message = make_veth(
        name, peer, peer_ns_fd=peer_ns_fd, mtu=mtu, mac=mac, peer_mac=peer_mac, group=group, echo=True
    )
    echoed = net.request(message)
    return Link(echoed) if echoed is not None else get(net, name)  # kernels before 6.2 don't echo


def make_veth(
    name: str,
    peer: str,
    *,
    peer_ns_fd: int,
    mtu: int = 0,
    mac: str = "",
    peer_mac: str = "",
    peer_txqlen: int | None = 0,
    group: int = 0,
    echo: bool = False,
) -> Message:
    """A veth pair: ``name`` where the message is sent, ``peer`` in the namespace of ``peer_ns_fd``.

    The MTU is for both. The peer has no transmit queue, like that of the reference's plugins; only the near
    end is in the group.

    Each end has room for one queue a direction, which is what it uses. Left to itself the kernel (since 5.15) makes
    room for one a processor and then takes all but one out of use, through an RCU grace period an end, with the
    lock held that everybody needs: twice the time of the whole.
    """
    far = [NO_LINK, text(IFLA_IFNAME, peer), _ONE_QUEUE]
    if peer_txqlen is not None:
        far.append(u32(IFLA_TXQLEN, peer_txqlen))
    far += common(mtu=mtu, mac=peer_mac)
    far.append(u32(IFLA_NET_NS_FD, peer_ns_fd))
    info = nested(IFLA_LINKINFO, text(INFO_KIND, "veth"), nested(INFO_DATA, nested(VETH_INFO_PEER, *far)))
    parts = (NO_LINK, text(IFLA_IFNAME, name), _ONE_QUEUE, *common(mtu=mtu, mac=mac, group=group), info)
    flags = F_CREATE | F_EXCL | (F_ECHO if echo else 0)
    doing = f"make the veth pair {name} and {peer}"
    return Message(doing=doing, type=RTM_NEWLINK, flags=flags, body=b"".join(parts))


def make_bridge(name: str, *, mtu: int = 0, mac: str = "", vlan_filtering: bool = False) -> Message:
    data = (nested(INFO_DATA, u8(BR_VLAN_FILTERING, 1)),) if vlan_filtering else ()
    info = nested(IFLA_LINKINFO, text(INFO_KIND, "bridge"), *data)
    parts = (NO_LINK, text(IFLA_IFNAME, name), *common(mtu=mtu, mac=mac), info)
    doing = f"make bridge {name}"
    return Message(doing=doing, type=RTM_NEWLINK, flags=F_CREATE | F_EXCL, body=b"".join(parts))


def make_dummy(name: str, *, group: int = 0) -> Message:
    info = nested(IFLA_LINKINFO, text(INFO_KIND, "dummy"))
    parts = (NO_LINK, text(IFLA_IFNAME, name), *common(mtu=0, group=group), info)
    doing = f"make dummy {name}"
    return Message(doing=doing, type=RTM_NEWLINK, flags=F_CREATE | F_EXCL, body=b"".join(parts))


def common(*, mtu: int, mac: str = "", group: int = 0) -> list[bytes]:
    """What any link that is made may be told."""
    found = []
    if mtu:
        found.append(u32(IFLA_MTU, mtu))
    if mac:
        found.append(raw(IFLA_ADDRESS, packed_mac(mac)))
    if group:
        found.append(u32(IFLA_GROUP, group))
    return found


def packed_mac(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", "").replace("-", "").replace(".", ""))


# Changing


def set_up(link: Which) -> Message:
    return _change(link, f"set {named(link)} up", flags=IFF_UP, mask=IFF_UP)


def set_down(link: Which) -> Message:
    return _change(link, f"set {named(link)} down", flags=0, mask=IFF_UP)


def set_promisc(link: Which, on: bool) -> Message:
    doing = f"set promiscuous mode of {named(link)} {'on' if on else 'off'}"
    return _change(link, doing, flags=IFF_PROMISC if on else 0, mask=IFF_PROMISC)


def set_allmulti(link: Which, on: bool) -> Message:
    doing = f"set all-multicast mode of {named(link)} {'on' if on else 'off'}"
    return _change(link, doing, flags=IFF_ALLMULTI if on else 0, mask=IFF_ALLMULTI)


def set_master(link: Which, master: Which) -> Message:
    """0 for ``master`` frees it."""
    index = index_of(master)
    doing = f"make {named(link)} a port of {named(master)}" if index else f"free {named(link)} of its master"
    return _change(link, doing, u32(IFLA_MASTER, index))


def set_mac(link: Which, mac: str) -> Message:
    return _change(link, f"set MAC of {named(link)} to {mac}", raw(IFLA_ADDRESS, packed_mac(mac)))


def set_mtu(link: Which, mtu: int) -> Message:
    return _change(link, f"set mtu of {named(link)} to {mtu}", u32(IFLA_MTU, mtu))


def set_txqlen(link: Which, length: int) -> Message:
    return _change(link, f"set txqlen of {named(link)} to {length}", u32(IFLA_TXQLEN, length))


def rename(link: Which, name: str) -> Message:
    return _change(link, f"rename {named(link)} to {name}", text(IFLA_IFNAME, name))


def bridge_port(link: Which, *, hairpin: bool | None = None, isolated: bool | None = None) -> Message:
    """Settings of a bridge's port; None leaves one as it is."""
    settings = []
    if hairpin is not None:
        settings.append(u8(BRPORT_MODE, hairpin))  # so the kernel calls it
    if isolated is not None:
        settings.append(u8(BRPORT_ISOLATED, isolated))
    body = _ifinfo(AF_BRIDGE, 0, index_of(link), 0, 0) + nested(IFLA_PROTINFO | NESTED, *settings)
    return Message(doing=f"set {named(link)} as a bridge's port", type=RTM_SETLINK, body=body)


def _change(link: Which, doing: str, attribute: bytes = b"", *, flags: int = 0, mask: int = 0) -> Message:
    body = _ifinfo(0, 0, index_of(link), flags, mask) + attribute
    return Message(doing=doing, type=RTM_SETLINK, body=body)


def index_of(link: Which) -> int:
    return link if isinstance(link, int) else link.index


def named(link: Which) -> str:
    return f"the link with index {link}" if isinstance(link, int) else link.name


# Deleting


def delete(link: Which) -> Message:
    body = _ifinfo(0, 0, index_of(link), 0, 0)
    return Message(doing=f"delete {named(link)}", type=RTM_DELLINK, body=body)


def delete_by_name(name: str) -> Message:
    return Message(doing=f"delete link {name}", type=RTM_DELLINK, body=NO_LINK + text(IFLA_IFNAME, name))


def delete_group(group: int) -> Message:
    """All links of a group; none is NotFound. The kernel refuses it whole if a real device is among them."""
    doing = f"delete the links of group {group}"
    return Message(doing=doing, type=RTM_DELLINK, body=NO_LINK + u32(IFLA_GROUP, group))


def remove(net: Rtnl, name: str) -> None:
    """Delete a link if it is there."""
    with suppress(NotFound):
        net.request(delete_by_name(name))
