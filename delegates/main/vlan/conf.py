"""The configuration of vlan. The master is looked for when it is needed: DEL never looks."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

SCHEMA = Schema.of(__package__)

HIGHEST_ID = 4094
"""Of twelve bits; all of them set is reserved (IEEE 802.1Q, 9.6)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VlanConf:
    """``vlan_id`` 0 tags with a priority and no VLAN; ``mtu`` 0 is the master's."""

    master: str
    vlan_id: int
    mtu: int
    link_in_container: bool


def parse(conf: NetConf, args: Args) -> VlanConf:
    raw = SCHEMA.read(conf.raw)
    read = VlanConf(
        master=raw.get("master", ""),
        vlan_id=raw.get("vlanId", 0),
        mtu=raw.get("mtu", 0),
        link_in_container=raw.get("linkInContainer", False),
    )
    if not args.lenient:  # a DEL that follows a refused ADD must not be refused in turn
        _require(read, conf)
    return read


def _require(read: VlanConf, conf: NetConf) -> None:
    if not read.master:
        raise InvalidConfig(
            '"master" field is required. It specifies the host interface name to create the VLAN for',
            hint="name the link that carries the VLAN with the key 'master'",
        )
    if not 0 <= read.vlan_id <= HIGHEST_ID:
        raise InvalidConfig(f"invalid VLAN ID {read.vlan_id} (must be between 0 and {HIGHEST_ID} inclusive)")
    if not conf.ipam_type:
        raise InvalidConfig(
            "no plugin name provided", hint="vlan wants addresses: name an IPAM plugin in ipam.type"
        )
