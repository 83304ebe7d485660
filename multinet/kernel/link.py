"""A link as the kernel tells it (linux/if_link.h), decoded as far as we ask."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from ipaddress import ip_address
from struct import Struct
from typing import Any

from multinet.kernel import attributes
from multinet.kernel.errors import UNREADABLE, reads, unreadable

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_PROTINFO = 1, 3, 4, 5, 10, 12
IFLA_TXQLEN, IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 13, 16, 18, 20, 26, 27
IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES = 28, 29, 31, 32
IFLA_LINK_NETNSID, IFLA_ALT_IFNAME, IFLA_PARENT_DEV_NAME = 37, 53, 56
INFO_KIND, INFO_DATA, INFO_SLAVE_KIND, INFO_SLAVE_DATA = 1, 2, 4, 5
MACVLAN_MODE, MACVLAN_BC_QUEUE_LEN = 1, 7
BR_VLAN_FILTERING, BR_VLAN_DEFAULT_PVID = 7, 39
BRPORT_MODE, BRPORT_ISOLATED = 4, 33
VLAN_ID = 1
IPVLAN_MODE = 1
VRF_TABLE = 1
VXLAN_ID, VXLAN_GROUP, VXLAN_LINK, VXLAN_LOCAL = 1, 2, 3, 4
VXLAN_PORT, VXLAN_GROUP6, VXLAN_LOCAL6 = 15, 16, 17

IFF_UP, IFF_PROMISC, IFF_ALLMULTI = 0x1, 0x100, 0x200

OPER_UP = 6
OPERSTATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}

IFINFOMSG = Struct("=BxHiII")
_WANTED = frozenset(
    {
        IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_TXQLEN, IFLA_OPERSTATE, IFLA_LINKINFO,
        IFLA_IFALIAS, IFLA_GROUP, IFLA_LINK_NETNSID, IFLA_PARENT_DEV_NAME,
    }
)  # fmt: skip
_pick = attributes.Picker(IFINFOMSG.size, _WANTED)
_U32 = Struct("=I")
_u32 = _U32.unpack_from
_ifinfo = IFINFOMSG.unpack_from
_ZERO = b"\0\0\0\0"


class Link:
    """A link as it was when the kernel told. A member is decoded when it is asked for, but for the name, which is
    said of each: an ADD looks at four links and at few members of each.
    """

    __slots__ = ("_found", "flags", "index", "name")

    def __init__(self, body: bytes) -> None:
        """``body`` is that of an RTM_NEWLINK."""
        try:
            _, _, self.index, self.flags, _ = _ifinfo(body)
            self._found = _pick(body)
            self.name = _text(self._found.get(IFLA_IFNAME, b""))
        except UNREADABLE as error:
            raise unreadable("a link", error) from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Link):
            return NotImplemented
        return (self.index, self.flags, self._found) == (other.index, other.flags, other._found)

    def __hash__(self) -> int:
        return hash((self.index, self.flags))

    def __repr__(self) -> str:
        return f"Link(index={self.index}, name={self.name!r}, kind={self.kind!r})"

    @property
    def mac(self) -> str:
        """Lower case with colons; "" for a link without one."""
        return self._found.get(IFLA_ADDRESS, b"").hex(":")

    @property
    def mtu(self) -> int:
        return self._number(IFLA_MTU)

    @property
    def kind(self) -> str:
        """ "veth", "bridge", "macvlan", ...; "" for a real device and for lo."""
        return _text(self._link_info().get(INFO_KIND, b""))

    @property
    def slave_kind(self) -> str:
        """Of its master: "bridge" for a port of one."""
        return _text(self._link_info().get(INFO_SLAVE_KIND, b""))

    @property
    def master(self) -> int:
        """The index of the link it is enslaved to; 0 for none."""
        return self._number(IFLA_MASTER)

    @property
    def parent(self) -> int:
        """IFLA_LINK: the index of a macvlan's master, of a veth's peer; 0 for none. In which namespace that
        index holds, ``link_netnsid`` says."""
        return self._number(IFLA_LINK)

    @property
    def link_netnsid(self) -> int | None:
        """None: ``parent`` is in the same namespace."""
        netnsid = self._found.get(IFLA_LINK_NETNSID)
        return None if netnsid is None else int.from_bytes(netnsid, sys.byteorder, signed=True)

    @property
    def group(self) -> int:
        return self._number(IFLA_GROUP)

    @property
    @reads("a link")
    def operstate(self) -> int:
        return self._found.get(IFLA_OPERSTATE, b"\0")[0]

    @property
    def txqlen(self) -> int:
        return self._number(IFLA_TXQLEN)

    @property
    def alias(self) -> str:
        return _text(self._found.get(IFLA_IFALIAS, b""))

    @property
    def device(self) -> str:
        """The device that it is the link of, by its address on its bus: "0000:03:02.1". "" for a virtual link, and
        where the kernel does not tell (before Linux 5.14)."""
        return _text(self._found.get(IFLA_PARENT_DEV_NAME, b""))

    @property
    def up(self) -> bool:
        return bool(self.flags & IFF_UP)

    @property
    def promisc(self) -> bool:
        """Whether it was asked for; who merely listens (tcpdump) does not count."""
        return bool(self.flags & IFF_PROMISC)

    @property
    def allmulti(self) -> bool:
        return bool(self.flags & IFF_ALLMULTI)

    @property
    @reads("a link")
    def info(self) -> Mapping[str, Any]:
        """What we know to be particular to the kind: ``{"mode": "bridge", "bcqueuelen": 1000}``."""
        read = _INFO.get(self.kind)
        return read(attributes.parse(self._link_info().get(INFO_DATA, b""))) if read else {}

    @property
    @reads("a port")
    def port(self) -> Mapping[str, bool]:
        """``hairpin`` and ``isolated`` of a bridge's port; empty for anything else."""
        if self.slave_kind != "bridge":
            return {}
        found = attributes.parse(self._link_info().get(INFO_SLAVE_DATA, b""))
        return {
            "hairpin": found.get(BRPORT_MODE, b"\0")[0] == 1,
            "isolated": found.get(BRPORT_ISOLATED, b"\0")[0] == 1,
        }

    def _link_info(self) -> dict[int, bytes]:
        return attributes.parse(self._found.get(IFLA_LINKINFO, b""))

    @reads("a link")
    def _number(self, kind: int) -> int:
        number: int = _u32(self._found.get(kind, _ZERO))[0]
        return number


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _name_of(modes: Mapping[str, int], value: int) -> str:
    return next((name for name, number in modes.items() if number == value), str(value))


def _macvlan(found: dict[int, bytes]) -> Mapping[str, Any]:
    return {
        "mode": _name_of(MACVLAN_MODES, _u32(found.get(MACVLAN_MODE, _ZERO))[0]),
        "bcqueuelen": _u32(found.get(MACVLAN_BC_QUEUE_LEN, _ZERO))[0],
    }


def _bridge(found: dict[int, bytes]) -> Mapping[str, Any]:
    return {
        "vlan_filtering": found.get(BR_VLAN_FILTERING, b"\0")[0] == 1,
        "vlan_default_pvid": int.from_bytes(found.get(BR_VLAN_DEFAULT_PVID, b""), sys.byteorder),
    }


def _vlan(found: dict[int, bytes]) -> Mapping[str, Any]:
    return {"id": int.from_bytes(found.get(VLAN_ID, b""), sys.byteorder)}


def _ipvlan(found: dict[int, bytes]) -> Mapping[str, Any]:
    return {"mode": _name_of(IPVLAN_MODES, int.from_bytes(found.get(IPVLAN_MODE, b""), sys.byteorder))}


def _vrf(found: dict[int, bytes]) -> Mapping[str, Any]:
    return {"table": _u32(found.get(VRF_TABLE, _ZERO))[0]}


def _vxlan(found: dict[int, bytes]) -> Mapping[str, Any]:
    """``link`` is the index of what it is on, 0 for none; the far ends are texts, "" for none."""
    remote = found.get(VXLAN_GROUP) or found.get(VXLAN_GROUP6)
    local = found.get(VXLAN_LOCAL) or found.get(VXLAN_LOCAL6)
    return {
        "id": _u32(found.get(VXLAN_ID, _ZERO))[0],
        "link": _u32(found.get(VXLAN_LINK, _ZERO))[0],
        "remote": str(ip_address(remote)) if remote else "",
        "local": str(ip_address(local)) if local else "",
        "port": int.from_bytes(found.get(VXLAN_PORT, b""), "big"),
    }


_INFO = {
    "macvlan": _macvlan,
    "bridge": _bridge,
    "vlan": _vlan,
    "ipvlan": _ipvlan,
    "vrf": _vrf,
    "vxlan": _vxlan,
}
