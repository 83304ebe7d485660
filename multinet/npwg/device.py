"""What a device is to those beyond its plugin: the device-info format (device-info-spec 1.1.0).

A device plugin leaves a file a device, the meta plugin copies it to where the CNI plugins find it (capability
``CNIDeviceInfoFile``), and what stands there after ADD is told in network-status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from dataclasses import fields as members
from pathlib import PurePosixPath
from typing import Any, Final

from multinet.errors import DecodingFailure
from multinet.npwg import positions
from multinet.npwg.caret import Text
from multinet.npwg.positions import Node
from multinet.npwg.reading import Rule, choice, fields, string

VERSION: Final = "1.1.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class PciDevice:
    """Section 3.1.3. Addresses are in the form ``0000:01:02.2``."""

    pci_address: str
    vhost_net: str = ""
    rdma_device: str = ""
    pf_pci_address: str = ""
    representor_device: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VdpaDevice:
    """Section 3.1.4."""

    parent_device: str
    driver: str
    path: str
    pci_address: str = ""
    pf_pci_address: str = ""
    representor_device: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VhostUserDevice:
    """Section 3.1.5. ``mode`` is the container's: a client's socket is made by the host."""

    mode: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MemifDevice:
    """Section 3.1.6. ``role`` is the container's: a slave's socket is made by the host."""

    role: str
    path: str
    mode: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceInfo:
    """``type`` names the member that is always there; the others may be told beside it."""

    type: str
    version: str = VERSION
    pci: PciDevice | None = None
    vdpa: VdpaDevice | None = None
    vhost_user: VhostUserDevice | None = None
    memif: MemifDevice | None = None


def parse(text: str, *, source: str) -> DeviceInfo:
    """Read a device-info file; ``source`` is its path. Raises DecodingFailure."""
    content = Text(text, source, DecodingFailure)
    return read(content, positions.read(content))


def write(device: DeviceInfo) -> str:
    """A device-info file's content."""
    return json.dumps(to_json(device), indent=4, ensure_ascii=False) + "\n"


def read(text: Text, node: Node) -> DeviceInfo:
    """A rule (see ``reading``) for the object of section 3. Unknown keys come from later versions."""
    found = fields(text, node, _KEYS, open_ended=True, required=("type", "version"))
    kind = found.values["type"]
    if _KEYS[kind][0] not in found.values:
        raise text.wrong(node.at, f'expected the key "{kind}" in this object, since it is the type')
    return DeviceInfo(**found.values)


def to_json(device: DeviceInfo) -> dict[str, Any]:
    """The object of section 3, with the keys in its order and empty ones left out."""
    written: dict[str, Any] = {"type": device.type, "version": device.version}
    for key, (name, _) in _KEYS.items():
        value = getattr(device, name)
        if value is not None and key not in written:
            written[key] = {
                _key(member.name): getattr(value, member.name)
                for member in members(value)
                if getattr(value, member.name)
            }
    return written


def identity(resource: str, device_id: str) -> str:
    """What tells a device from all others of a node.

    A PCI address does so by itself. Other ids are a device plugin's own, and two resources may both have a "0".
    """
    return device_id if not resource or _is_pci_address(device_id) else f"{resource} {device_id}"


def plugin_file(resource: str, device_id: str) -> PurePosixPath:
    """Where in the folder of device-info files a device plugin tells of its device (section 4.1)."""
    return PurePosixPath("dp", _flat(f"{resource}-{device_id}-device.json"))


def cni_file(network: str, container_id: str, ifname: str) -> PurePosixPath:
    """Where in it the CNI plugins of one attachment find it (section 4.2). ``network`` is ``namespace/name``.

    The name is free. This is Multus's, so that a node that changes over finds its own again.
    """
    return PurePosixPath("cni", _flat(f"{network}-{container_id}_{ifname}"))


def _flat(name: str) -> str:
    return name.replace("/", "-")


def _key(name: str) -> str:
    return name.replace("_", "-")


def _version(value: str) -> str:
    if not re.fullmatch(r"1\.[0-9]+\.[0-9]+", value, re.ASCII):
        raise ValueError(
            'expected a version of the device-info format that is known: "1.0.0" or later, below 2'
        )
    return value


def _is_pci_address(value: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]", value, re.ASCII))


def _pci_address(value: str) -> str:
    if not _is_pci_address(value):
        raise ValueError("expected a PCI address, such as 0000:01:02.2")
    return value


def _needed(value: str) -> str:
    if not value:
        raise ValueError("expected something in this string")
    return value


_TEXT = string(str)
_NEEDED = string(_needed)
_ADDRESS = string(_pci_address)
_MAYBE_ADDRESS = string(lambda value: value and _pci_address(value))


def _object(kind: type[Any], **rules: Rule[Any]) -> Rule[Any]:
    """An object that becomes a ``kind``: a rule for each member; those without a default must be there."""
    keys = {_key(name): (name, rule) for name, rule in rules.items()}
    required = tuple(_key(member.name) for member in members(kind) if member.default is MISSING)
    return lambda text, node: kind(**fields(text, node, keys, open_ended=True, required=required).values)


_KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "type": ("type", choice("pci", "vdpa", "vhost-user", "memif")),
    "version": ("version", string(_version)),
    "pci": (
        "pci",
        _object(
            PciDevice,
            pci_address=_ADDRESS,
            vhost_net=_TEXT,
            rdma_device=_TEXT,
            pf_pci_address=_MAYBE_ADDRESS,
            representor_device=_TEXT,
        ),
    ),
    "vdpa": (
        "vdpa",
        _object(
            VdpaDevice,
            parent_device=_NEEDED,
            driver=choice("vhost", "virtio"),
            path=_NEEDED,
            pci_address=_MAYBE_ADDRESS,
            pf_pci_address=_MAYBE_ADDRESS,
            representor_device=_TEXT,
        ),
    ),
    "vhost-user": ("vhost_user", _object(VhostUserDevice, mode=choice("client", "server"), path=_NEEDED)),
    "memif": (
        "memif",
        _object(
            MemifDevice,
            role=choice("master", "slave"),
            path=_NEEDED,
            mode=choice("ethernet", "ip", "inject-punt", "punt"),  # the last is the client library's word
        ),
    ),
}
