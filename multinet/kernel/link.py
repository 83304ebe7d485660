"""A link as the kernel tells it (linux/if_link.h), decoded as far as we ask."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Self

from multinet.kernel import attributes

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_PROTINFO = 1, 3, 4, 5, 10, 12
IFLA_TXQLEN, IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 13, 16, 18, 20, 26, 27
IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_LINK_NETNSID, IFLA_ALT_IFNAME = 28, 29, 37, 53
INFO_KIND, INFO_DATA, INFO_SLAVE_KIND, INFO_SLAVE_DATA = 1, 2, 4, 5
MACVLAN_MODE, MACVLAN_BC_QUEUE_LEN = 1, 7
BR_VLAN_FILTERING, BR_VLAN_DEFAULT_PVID = 7, 39
BRPORT_MODE, BRPORT_ISOLATED = 4, 33
VLAN_ID = 1
IPVLAN_MODE = 1

IFF_UP, IFF_PROMISC = 0x1, 0x100

OPER_UP = 6
OPERSTATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}

IFINFOMSG = Struct("=BxHiII")
_U32 = Struct("=I")
_u32 = _U32.unpack_from
_ZERO = b"\0\0\0\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    index: int
    name: str
    mac: str
    """Lower case with colons; "" for a link without one."""
    mtu: int
    flags: int
    kind: str
    """"veth", "bridge", "macvlan", ...; "" for a real device and for lo."""
    slave_kind: str
    """Of its master: "bridge" for a port of one."""
    master: int
    """The index of the link it is enslaved to; 0 for none."""
    parent: int
    """IFLA_LINK: the index of a macvlan's master, of a veth's peer; 0 for none. In which namespace that
    index holds, ``link_netnsid`` says."""
    link_netnsid: int | None
    """None: ``parent`` is in the same namespace."""
    group: int
    operstate: int
    txqlen: int
    alias: str
    data: bytes = field(repr=False)
    """What is particular to the kind, as it came; ``info`` decodes it."""
    slave_data: bytes = field(repr=False)

    @property
    def up(self) -> bool:
        return bool(self.flags & IFF_UP)

    @property
    def promisc(self) -> bool:
        return bool(self.flags & IFF_PROMISC)

    @property
    def info(self) -> Mapping[str, Any]:
        """What we know to be particular to the kind: ``{"mode": "bridge", "bcqueuelen": 1000}``."""
        read = _INFO.get(self.kind)
        return read(attributes.parse(self.data)) if read else {}

    @property
    def port(self) -> Mapping[str, bool]:
        """``hairpin`` and ``isolated`` of a bridge's port; empty for anything else."""
        if self.slave_kind != "bridge":
            return {}
        found = attributes.parse(self.slave_data)
        return {
            "hairpin": found.get(BRPORT_MODE, b"\0")[0] == 1,
            "isolated": found.get(BRPORT_ISOLATED, b"\0")[0] == 1,
        }

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Decode the body of an RTM_NEWLINK."""
        _, _, index, flags, _ = IFINFOMSG.unpack_from(body)
        found = attributes.parse(body, 16)
        get = found.get
        info = attributes.parse(get(IFLA_LINKINFO, b""))
        netnsid = get(IFLA_LINK_NETNSID)
        return cls(
            index=index,
            name=_text(get(IFLA_IFNAME, b"")),
            mac=get(IFLA_ADDRESS, b"").hex(":"),
            mtu=_u32(get(IFLA_MTU, _ZERO))[0],
            flags=flags,
            kind=_text(info.get(INFO_KIND, b"")),
            slave_kind=_text(info.get(INFO_SLAVE_KIND, b"")),
            master=_u32(get(IFLA_MASTER, _ZERO))[0],
            parent=_u32(get(IFLA_LINK, _ZERO))[0],
            link_netnsid=None if netnsid is None else int.from_bytes(netnsid, sys.byteorder, signed=True),
            group=_u32(get(IFLA_GROUP, _ZERO))[0],
            operstate=get(IFLA_OPERSTATE, b"\0")[0],
            txqlen=_u32(get(IFLA_TXQLEN, _ZERO))[0],
            alias=_text(get(IFLA_IFALIAS, b"")),
            data=info.get(INFO_DATA, b""),
            slave_data=info.get(INFO_SLAVE_DATA, b""),
        )


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


_INFO = {"macvlan": _macvlan, "bridge": _bridge, "vlan": _vlan, "ipvlan": _ipvlan}
