"""The configuration of sriov. The device is looked for when it is needed: DEL finds it in the record of ADD."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.macs import mac_of
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig
from multinet.kernel.vfs import LINK_STATES, PROTOCOLS

SCHEMA = Schema.of(__package__)

DATA_DIR = "/var/lib/cni/sriov"
"""The reference's, so that either finds which VFs the other has given away, and how they were before."""

SWITCH = {"on": True, "off": False}
LAST_VLAN, LAST_QOS = 4094, 7
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How the VF shall be; None, and "" for the MAC, leave a setting as it is."""

    vlan: tuple[int, int, str] | None = None
    """Id (0 for none), priority, and protocol by its name."""
    mac: str = ""
    rate: tuple[int, int] | None = None
    """Least and most, in Mbit/s; 0 for no limit."""
    spoofchk: bool | None = None
    trust: bool | None = None
    link_state: str = ""
    mtu: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SriovConf:
    device_id: str
    """The VF's PCI address, lower case; "" only where nothing is to be made."""
    wanted: Wanted
    device_info_file: str
    """Where to tell of the device, if its plugin has not; "" for nowhere."""
    data_dir: str


def parse(conf: NetConf, args: Args) -> SriovConf:
    raw = SCHEMA.read(conf.raw)
    runtime = raw.get("runtimeConfig", {})
    device_id = (runtime.get("deviceID") or raw.get("deviceID", "")).lower()
    if not args.lenient:
        _check_address(device_id)
    return SriovConf(
        device_id=device_id,
        wanted=Wanted() if args.lenient else _wanted(raw, args),
        device_info_file=runtime.get("CNIDeviceInfoFile", ""),
        data_dir=raw.get("dataDir") or DATA_DIR,
    )


def _check_address(address: str) -> None:
    if not address:
        raise InvalidConfig(
            "VF pci addr is required",
            hint="name a resource of the SR-IOV device plugin in the definition's annotation "
            "k8s.v1.cni.cncf.io/resourceName, or a VF by deviceID",
        )
    if not _PCI_ADDRESS.match(address):
        raise InvalidConfig(f"deviceID: {address!r} is not a PCI address", hint="like 0000:03:02.1")


def _wanted(raw: dict[str, Any], args: Args) -> Wanted:
    link_state = raw.get("link_state", "")
    if link_state and link_state not in LINK_STATES:
        raise InvalidConfig(
            f"invalid link_state value: {link_state}", hint=f"known are {', '.join(LINK_STATES)}"
        )
    return Wanted(
        vlan=_vlan(raw),
        mac=mac_of(raw.get("mac"), args.known("MAC").get("MAC"), raw.get("runtimeConfig", {}).get("mac")),
        rate=_rate(raw),
        spoofchk=_switch(raw, "spoofchk"),
        trust=_switch(raw, "trust"),
        link_state=link_state,
        mtu=raw.get("mtu", 0),
    )


def _vlan(raw: dict[str, Any]) -> tuple[int, int, str] | None:
    vlan, qos, protocol = raw.get("vlan"), raw.get("vlanQoS"), raw.get("vlanProto")
    if vlan is None:
        for key, value in (("QoS", qos), ("proto", protocol)):
            if value is not None:
                raise InvalidConfig(f"vlan id must be configured to set vlan {key} to a non-nil value")
        return None
    qos, protocol = qos or 0, (protocol or "802.1q").lower()
    if not 0 <= vlan <= LAST_VLAN:
        raise InvalidConfig(f"vlan id {vlan} invalid: value must be in the range 0-{LAST_VLAN}")
    if not 0 <= qos <= LAST_QOS:
        raise InvalidConfig(f"vlan QoS PCP {qos} invalid: value must be in the range 0-{LAST_QOS}")
    if protocol not in PROTOCOLS:
        raise InvalidConfig(f"vlan Proto {protocol} invalid: value must be '802.1Q' or '802.1ad'")
    if not vlan and (qos or protocol != "802.1q"):
        what = "vlan QoS to a non-zero value" if qos else f"vlan proto {protocol}"
        raise InvalidConfig(f"non-zero vlan id must be configured to set {what}")
    return vlan, qos, protocol


def _rate(raw: dict[str, Any]) -> tuple[int, int] | None:
    least, most = raw.get("min_tx_rate"), raw.get("max_tx_rate")
    if least is None and most is None:
        return None
    if least and most and least > most:
        raise InvalidConfig(
            f"min_tx_rate {least} is more than max_tx_rate {most}", hint="both are in Mbit/s; 0 is no limit"
        )
    return least or 0, most or 0


def _switch(raw: dict[str, Any], key: str) -> bool | None:
    value = raw.get(key, "")
    if value and value not in SWITCH:
        raise InvalidConfig(f"invalid {key} value: {value}", hint='it is "on" or "off", in quotes')
    return SWITCH[value] if value else None
