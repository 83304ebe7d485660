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
from multinet.files import Lock
from multinet.kernel.vfs import LINK_STATES, PROTOCOLS, Vf

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
    state, ours = raw["OrigVfState"], raw.get(OURS) or {}
    container_id, _, ifname = file_name.rpartition("-")  # all that the reference tells of them
    vlan, rates = raw.get("vlan"), (raw.get("min_tx_rate"), raw.get("max_tx_rate"))
    link_state = raw.get("link_state") or ""
    return Record(
        network=str(raw.get("name") or ""),
        container_id=str(ours.get("containerID", container_id)),
        ifname=str(ours.get("ifname", ifname)),
        netns=str(ours.get("netns", "")),
        address=str(raw["deviceID"]),
        pf=str(raw.get("Master") or ""),
        wanted=Wanted(
            vlan=None
            if vlan is None
            else (int(vlan), raw.get("vlanQoS") or 0, raw.get("vlanProto") or "802.1q"),
            mac=str(raw.get("MAC") or ""),
            rate=None if rates == (None, None) else (rates[0] or 0, rates[1] or 0),
            spoofchk=SWITCH.get(raw.get("spoofchk") or ""),
            trust=SWITCH.get(raw.get("trust") or ""),
            link_state=link_state if link_state in LINK_STATES else "",
            mtu=int(ours.get("mtu", 0)),
        ),
        original=Original(
            name=str(state.get("HostIFName") or ""),
            mac=str(state.get("EffectiveMAC") or ""),
            mtu=int(state.get("MTU") or 0),
            up=bool(ours.get("up", False)),
            vf=Vf(
                number=int(raw["VFID"]),
                mac=str(state.get("AdminMAC") or ""),
                vlan=int(state.get("Vlan") or 0),
                qos=int(state.get("VlanQoS") or 0),
                protocol=int(state.get("VlanProto") or PROTOCOLS["802.1q"]),
                min_rate=int(state.get("MinTxRate") or 0),
                max_rate=int(state.get("MaxTxRate") or 0),
                spoofchk=bool(state.get("SpoofChk", True)),
                trust=bool(state.get("Trust", False)),
                link_state=int(state.get("LinkState") or 0),
            ),
        ),
        ipam=str((raw.get("ipam") or {}).get("type") or ""),
        foreign=OURS not in raw,
    )


def _word(switch: bool | None) -> str:
    return "" if switch is None else "on" if switch else "off"
