"""Virtual functions (SR-IOV) as their physical function's driver knows them: read and set on the link of the PF
(linux/if_link.h, IFLA_VFINFO_LIST).

Each setting is a message of its own, although one could carry all: drivers have some settings and not others, and so
a refusal says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from multinet.kernel.attributes import each, nested, parse, raw, u32
from multinet.kernel.errors import reads
from multinet.kernel.link import IFINFOMSG, IFLA_EXT_MASK
from multinet.kernel.links import RTM_GETLINK, RTM_SETLINK, Which, index_of, named, packed_mac
from multinet.kernel.rtnl import Message, Rtnl

IFLA_VFINFO_LIST, VF_INFO, VF_VLAN_INFO = 22, 1, 1
VF_MAC, VF_VLAN, VF_SPOOFCHK, VF_LINK_STATE, VF_RATE, VF_TRUST, VF_VLAN_LIST = 1, 2, 4, 5, 6, 9, 12

PROTOCOLS = {"802.1q": 0x8100, "802.1ad": 0x88A8}
LINK_STATES = {"auto": 0, "enable": 1, "disable": 2}

_WITH_VFS = u32(IFLA_EXT_MASK, 1 << 0 | 1 << 3)  # RTEXT_FILTER_VF, RTEXT_FILTER_SKIP_STATS
_UNKNOWN = 0xFFFFFFFF

_MAC = Struct("=I32s")
_TWO = Struct("=II")
_THREE = Struct("=III")
_TAG = Struct(">H2x")
_HARDWARE_TYPE = Struct("=xxH")
_INFINIBAND = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Vf:
    """Rates are in Mbit/s, 0 for none. A switch is None where the driver does not tell."""

    number: int
    mac: str
    """The administrative one: what the PF gives the VF; zeros where the VF chooses."""
    vlan: int
    qos: int
    protocol: int
    min_rate: int
    max_rate: int
    spoofchk: bool | None
    trust: bool | None
    link_state: int


@reads("a virtual function")
def dump(net: Rtnl, pf: Which) -> list[Vf]:
    """The virtual functions of ``pf``; none where its driver has none."""
    body = IFINFOMSG.pack(0, 0, index_of(pf), 0, 0) + _WITH_VFS
    answer = net.get(Message(doing=f"look at the VFs of {named(pf)}", type=RTM_GETLINK, body=body))
    length = 20 if _HARDWARE_TYPE.unpack_from(answer)[0] == _INFINIBAND else 6
    found = parse(answer, 16).get(IFLA_VFINFO_LIST, b"")
    return [_read(parse(info), length) for kind, info in each(found) if kind == VF_INFO]


def find(net: Rtnl, pf: Which, number: int) -> Vf | None:
    return next((vf for vf in dump(net, pf) if vf.number == number), None)


def set_vlan(pf: Which, number: int, vlan: int, qos: int = 0, protocol: int = PROTOCOLS["802.1q"]) -> Message:
    """0 for ``vlan``: none."""
    tag = raw(VF_VLAN_INFO, _THREE.pack(number, vlan, qos) + _TAG.pack(protocol))
    return _set(pf, number, f"vlan {vlan}, qos {qos}, proto {_name(protocol)}", nested(VF_VLAN_LIST, tag))


def set_mac(pf: Which, number: int, mac: str) -> Message:
    return _set(pf, number, f"mac {mac}", raw(VF_MAC, _MAC.pack(number, packed_mac(mac))))


def set_rate(pf: Which, number: int, min_rate: int, max_rate: int) -> Message:
    what = f"min_tx_rate {min_rate}, max_tx_rate {max_rate}"
    return _set(pf, number, what, raw(VF_RATE, _THREE.pack(number, min_rate, max_rate)))


def set_spoofchk(pf: Which, number: int, on: bool) -> Message:
    return _set(pf, number, f"spoofchk {_word(on)}", raw(VF_SPOOFCHK, _TWO.pack(number, on)))


def set_trust(pf: Which, number: int, on: bool) -> Message:
    return _set(pf, number, f"trust {_word(on)}", raw(VF_TRUST, _TWO.pack(number, on)))


def set_link_state(pf: Which, number: int, state: int) -> Message:
    name = next((name for name, value in LINK_STATES.items() if value == state), str(state))
    return _set(pf, number, f"link_state {name}", raw(VF_LINK_STATE, _TWO.pack(number, state)))


def _set(pf: Which, number: int, what: str, attribute: bytes) -> Message:
    body = IFINFOMSG.pack(0, 0, index_of(pf), 0, 0) + nested(IFLA_VFINFO_LIST, nested(VF_INFO, attribute))
    return Message(doing=f"set VF {number} of {named(pf)} to {what}", type=RTM_SETLINK, body=body)


def _read(info: dict[int, bytes], mac_length: int) -> Vf:
    number, mac = _MAC.unpack_from(info[VF_MAC])
    _, vlan, qos = _THREE.unpack_from(info[VF_VLAN])
    protocol = PROTOCOLS["802.1q"]
    for _, tag in each(info.get(VF_VLAN_LIST, b"")):
        protocol = _TAG.unpack_from(tag, 12)[0] or protocol
    _, min_rate, max_rate = _THREE.unpack_from(info.get(VF_RATE, bytes(12)))
    return Vf(
        number=number,
        mac=mac[:mac_length].hex(":"),
        vlan=vlan,
        qos=qos,
        protocol=protocol,
        min_rate=min_rate,
        max_rate=max_rate,
        spoofchk=_switch(info.get(VF_SPOOFCHK)),
        trust=_switch(info.get(VF_TRUST)),
        link_state=_TWO.unpack_from(info.get(VF_LINK_STATE, bytes(8)))[1],
    )


def _switch(told: bytes | None) -> bool | None:
    setting = _TWO.unpack_from(told)[1] if told else _UNKNOWN
    return None if setting == _UNKNOWN else bool(setting)


def _word(on: bool) -> str:
    return "on" if on else "off"


def _name(protocol: int) -> str:
    return next((name for name, value in PROTOCOLS.items() if value == protocol), f"{protocol:#06x}")
