"""What is written down of a VF before anything of it is changed, and for as long as a container has it.

    <dataDir>/<container id>-<ifname>    how it was, what was set, and who has it
    <dataDir>/pci/<address>              the path of the namespace that has it
    <dataDir>/pci/lock.<address>         locked by whoever works at it

Names and keys are those of the reference, so that either restores what the other has set up; the lock is ours, and so
is what stands under ``multinet``. The record is written first and goes last: whatever VF is given away has one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delegates.main.sriov.conf import SWITCH, Wanted
from multinet import damaged, files
from multinet.cni import jsonkeys
from multinet.errors import IOFailure, MultinetError
from multinet.kernel.vfs import LINK_STATES, PROTOCOLS, Vf
from multinet.locks import Lock

FOLDER_MODE = 0o700
OURS = "multinet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """``name`` "": it had no link, since a program drives it. Then the next three say nothing."""

    name: str
    mac: str
    mtu: int
    up: bool
    vf: Vf


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    network: str
    container_id: str
    ifname: str
    netns: str
    """"" in one of the reference's: only the owner's file tells it."""
    address: str
    pf: str
    """The name of the PF's link."""
    wanted: Wanted
    original: Original
    ipam: str = ""
    foreign: bool = False
    """Is it one of the reference's?"""


class Store:
    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def lock(self, address: str) -> Lock:
        folder = self._folder / "pci"
        files.make_dirs(folder, FOLDER_MODE)
        return Lock(folder / f"lock.{address}")

    def path(self, container_id: str, ifname: str) -> Path:
        return self._folder / f"{container_id}-{ifname}"

    def read(self, path: Path) -> Record | None:
        """None where no such record is. Raises MultinetError for one that can't be read."""
        try:
            text = files.read(path)
        except IOFailure:
            if not path.exists():
                return None
            raise
        try:
            return from_json(jsonkeys.load(text), path.name)
        except (MultinetError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged.put_aside(path, text, f"the record of how a VF was is damaged: {error}")
            raise MultinetError(
                f"the record {path} of how a VF was cannot be read",
                hint="see to the VF by hand, then remove the file",
            ) from error

    def all(self) -> Iterator[tuple[Path, Record]]:
        """Those that can be read."""
        for path in sorted(self._folder.glob("*-*")):
            try:
                record = self.read(path) if path.is_file() and not path.name.startswith(".") else None
            except MultinetError:
                continue
            if record is not None:
                yield path, record

    def write(self, path: Path, record: Record) -> None:
        files.make_dirs(path.parent, FOLDER_MODE)
        files.write_atomic(path, json.dumps(to_json(record), indent=1).encode())

    def forget(self, path: Path) -> None:
        files.remove(path)
        files.remove(files.temporary(path))

    def tidy(self, address: str) -> None:
        """Remove what a dead process has left half written; to be called with the lock of the VF held."""
        files.remove(files.temporary(self._owner(address)))

    def owner(self, address: str) -> str | None:
        """The path of the namespace that the VF was given to; None for nobody."""
        try:
            return files.read(self._owner(address)).decode(errors="replace").strip() or None
        except IOFailure:
            if os.path.lexists(self._owner(address)):
                raise
            return None

    def give(self, address: str, netns: str) -> None:
        files.write_atomic(self._owner(address), netns.encode())

    def take_back(self, address: str) -> None:
        files.remove(self._owner(address))

    def _owner(self, address: str) -> Path:
        return self._folder / "pci" / address


def to_json(record: Record) -> dict[str, Any]:
    wanted, original = record.wanted, record.original
    vlan, qos, protocol = wanted.vlan or (None, None, None)
    least, most = wanted.rate or (None, None)
    return {
        "name": record.network,
        "type": "sriov",
        "ipam": {"type": record.ipam} if record.ipam else {},
        "deviceID": record.address,
        "Master": record.pf,
        "VFID": original.vf.number,
        "MAC": wanted.mac,
        "vlan": vlan,
        "vlanQoS": qos,
        "vlanProto": protocol,
        "min_tx_rate": least,
        "max_tx_rate": most,
        "spoofchk": _word(wanted.spoofchk),
        "trust": _word(wanted.trust),
        "link_state": wanted.link_state,
        "OrigVfState": {
            "HostIFName": original.name,
            "SpoofChk": original.vf.spoofchk is not False,
            "Trust": original.vf.trust is True,
            "AdminMAC": original.vf.mac,
            "EffectiveMAC": original.mac,
            "Vlan": original.vf.vlan,
            "VlanQoS": original.vf.qos,
            "VlanProto": original.vf.protocol,
            "MinTxRate": original.vf.min_rate,
            "MaxTxRate": original.vf.max_rate,
            "LinkState": original.vf.link_state,
            "MTU": original.mtu,
        },
        OURS: {
            "containerID": record.container_id,
            "ifname": record.ifname,
            "netns": record.netns,
            "mtu": wanted.mtu,
            "up": original.up,
        },
    }


def from_json(raw: Mapping[str, Any], file_name: str) -> Record:
    """Raises LookupError, and InvalidConfig for a member of another type than it is written with."""
    text, number, switch = jsonkeys.string, jsonkeys.integer, jsonkeys.boolean
    state, ours = raw["OrigVfState"], jsonkeys.mapping(raw, OURS) or {}
    container_id, _, ifname = file_name.rpartition("-")  # all that the reference tells of them
    vlan, least, most = number(raw, "vlan"), number(raw, "min_tx_rate"), number(raw, "max_tx_rate")
    link_state = text(raw, "link_state")
    return Record(
        network=text(raw, "name"),
        container_id=text(ours, "containerID") or container_id,
        ifname=text(ours, "ifname") or ifname,
        netns=text(ours, "netns"),
        address=text({"deviceID": raw["deviceID"]}, "deviceID"),
        pf=text(raw, "Master"),
        wanted=Wanted(
            vlan=None
            if vlan is None
            else (vlan, number(raw, "vlanQoS") or 0, text(raw, "vlanProto") or "802.1q"),
            mac=text(raw, "MAC"),
            rate=None if least is None and most is None else (least or 0, most or 0),
            spoofchk=SWITCH.get(text(raw, "spoofchk")),
            trust=SWITCH.get(text(raw, "trust")),
            link_state=link_state if link_state in LINK_STATES else "",
            mtu=number(ours, "mtu") or 0,
        ),
        original=Original(
            name=text(state, "HostIFName"),
            mac=text(state, "EffectiveMAC"),
            mtu=number(state, "MTU") or 0,
            up=switch(ours, "up"),
            vf=Vf(
                number=number({"VFID": raw["VFID"]}, "VFID") or 0,
                mac=text(state, "AdminMAC"),
                vlan=number(state, "Vlan") or 0,
                qos=number(state, "VlanQoS") or 0,
                protocol=number(state, "VlanProto") or PROTOCOLS["802.1q"],
                min_rate=number(state, "MinTxRate") or 0,
                max_rate=number(state, "MaxTxRate") or 0,
                spoofchk=state.get("SpoofChk") is None or switch(state, "SpoofChk"),
                trust=switch(state, "Trust"),
                link_state=number(state, "LinkState") or 0,
            ),
        ),
        ipam=text(jsonkeys.mapping(raw, "ipam") or {}, "type"),
        foreign=OURS not in raw,
    )


def _word(switch: bool | None) -> str:
    return "" if switch is None else "on" if switch else "off"
