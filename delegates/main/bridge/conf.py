"""The configuration of bridge, read whole; nothing of the machine is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate import host_link
from multinet.delegate.host_link import HostLink
from multinet.delegate.macs import mac_of
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, inside
from multinet.kernel.masquerade import check_backend

SCHEMA = Schema.of(__package__)

BRIDGE = "cni0"
VLANS = range(1, 4095)


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeConf:
    """``mac`` is "" where nobody asked for one; ``vlan`` 0 is none. ``trunk`` is sorted; None: no vlanTrunk key."""

    bridge: str
    is_gateway: bool
    is_default_gateway: bool
    force_address: bool
    ip_masq: bool
    ip_masq_backend: str
    mtu: int
    hairpin: bool
    promisc: bool
    vlan: int
    trunk: tuple[int, ...] | None
    preserve_default_vlan: bool
    mac_spoof_check: bool
    dad: bool
    container_interface: bool
    port_isolation: bool
    uplink: str
    """The port that leads to the network, "" for none that is ours to look after."""
    host_link: HostLink | None
    """What the uplink is to be where it is not there."""
    mac: str

    @property
    def vlan_filtering(self) -> bool:
        return bool(self.vlan) or self.trunk is not None


def parse(conf: NetConf, args: Args) -> BridgeConf:
    if args.lenient:
        return conf.once(read_leniently)
    found = conf.once(read_strictly)
    mac = mac_of(args.known("MAC").get("MAC"), *conf.once(macs))
    return replace(found, mac=mac) if mac else found


def read_strictly(conf: NetConf) -> BridgeConf:
    return read(conf, strictly=True)


def read_leniently(conf: NetConf) -> BridgeConf:
    return read(conf, strictly=False)


def read(conf: NetConf, *, strictly: bool) -> BridgeConf:
    """All but the MAC, which CNI_ARGS may name too."""
    raw = SCHEMA.read(conf.raw)
    vlan = raw.get("vlan", 0)
    if vlan and vlan not in VLANS:
        raise InvalidConfig(f"invalid VLAN ID {vlan} (must be between 0 and 4094)")
    if strictly:
        refuse_contradictions(raw, conf)
    is_default_gateway = raw.get("isDefaultGateway", False)
    wanted = host_link.read(raw.get("uplink", ""), raw.get("hostLink"), key="uplink", lenient=not strictly)
    return BridgeConf(
        bridge=raw.get("bridge", BRIDGE),
        is_gateway=raw.get("isGateway", False) or is_default_gateway,
        is_default_gateway=is_default_gateway,
        force_address=raw.get("forceAddress", False),
        ip_masq=raw.get("ipMasq", False),
        ip_masq_backend=raw.get("ipMasqBackend", ""),
        mtu=raw.get("mtu", 0),
        hairpin=raw.get("hairpinMode", False),
        promisc=raw.get("promiscMode", False),
        vlan=vlan,
        trunk=trunk_of(raw["vlanTrunk"]) if "vlanTrunk" in raw else None,
        preserve_default_vlan=raw.get("preserveDefaultVlan", False),
        mac_spoof_check=raw.get("macspoofchk", False),
        dad=raw.get("enabledad", False),
        container_interface=not raw.get("disableContainerInterface", False),
        port_isolation=raw.get("portIsolation", False),
        uplink=wanted.name if wanted else raw.get("uplink", ""),
        host_link=wanted,
        mac="",
    )


def macs(conf: NetConf) -> tuple[str | None, str | None]:
    """The MACs that the configuration itself may name, the later one overriding."""
    raw = SCHEMA.read(conf.raw)
    return raw.get("args", {}).get("cni", {}).get("mac"), raw.get("runtimeConfig", {}).get("mac")


def refuse_contradictions(raw: Mapping[str, Any], conf: NetConf) -> None:
    """What ADD can't do. A DEL that follows a refused ADD must not be refused in turn: there is nothing to do."""
    if raw.get("hairpinMode") and raw.get("promiscMode"):
        raise InvalidConfig(
            "cannot set hairpin mode and promiscuous mode at the same time", hint="keep one of the two"
        )
    if raw.get("disableContainerInterface") and conf.ipam_type:
        raise InvalidConfig(
            "cannot use IPAM when DisableContainerInterface flag is set",
            hint="leave out 'ipam', or 'disableContainerInterface'",
        )
    check_backend(raw.get("ipMasqBackend", ""))


def trunk_of(entries: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Every VLAN that the entries name, once, in order."""
    found: set[int] = set()
    for place, entry in enumerate(entries):
        with inside(f".vlanTrunk[{place}]"):
            found |= vlans_of(entry)
    return tuple(sorted(found))


def vlans_of(entry: Mapping[str, Any]) -> set[int]:
    first, last = entry.get("minID"), entry.get("maxID")
    for name, value in (("minID", first), ("maxID", last), ("id", entry.get("id"))):
        if value is not None and value not in VLANS:
            raise InvalidConfig(
                f"incorrect trunk {name} parameter", hint=f"{value} is not a VLAN: 1 to 4094 are"
            )
    if (first is None) != (last is None):
        missing = "minID" if first is None else "maxID"
        raise InvalidConfig(f"minID and maxID should be configured simultaneously, {missing} is missing")
    found: set[int] = set()
    if first is not None and last is not None:
        if first > last:
            raise InvalidConfig("minID is greater than maxID in trunk parameter")
        found |= set(range(first, last + 1))
    if entry.get("id") is not None:
        found.add(entry["id"])
    return found
