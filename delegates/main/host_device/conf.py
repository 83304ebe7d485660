"""The configuration of host-device. The device is looked for when it is needed: DEL finds it in the container."""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass, replace

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

SCHEMA = Schema.of(__package__)

KERNEL_PATHS = "/sys/devices/"

_PAIRS = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2})*\Z")
_FOURS = re.compile(r"[0-9a-f]{4}(\.[0-9a-f]{4})*\Z")
_OCTETS = (6, 8, 20)
"""Lengths of addresses: Ethernet, EUI-64, InfiniBand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostDeviceConf:
    """Ways to name the device, "" where one is not used; the first of them counts, but ``device_id`` overrides
    ``pci``."""

    device: str
    hwaddr: str
    """Lower case with colons, as ``Link.mac``."""
    kernel_path: str
    pci: str
    device_id: str
    """A PCI address or the name of an auxiliary device: which of the two, only the machine knows."""
    dpdk: bool
    """Only used where no PCI address is known, whose driver would say."""


def parse(conf: NetConf, args: Args) -> HostDeviceConf:
    raw = SCHEMA.read(conf.raw)
    read = HostDeviceConf(
        device=raw.get("device", ""),
        hwaddr=raw.get("hwaddr", "").lower(),
        kernel_path=raw.get("kernelpath", ""),
        pci=raw.get("pciBusID", ""),
        device_id=raw.get("runtimeConfig", {}).get("deviceID", ""),
        dpdk=raw.get("DPDKMode", False),
    )
    return read if args.lenient else _checked(read)


def _checked(conf: HostDeviceConf) -> HostDeviceConf:
    if not (conf.device or conf.hwaddr or conf.kernel_path or conf.pci or conf.device_id):
        raise InvalidConfig(
            'specify either "device", "hwaddr", "kernelpath" or "pciBusID"',
            hint="or let a device plugin give one, as runtimeConfig.deviceID",
        )
    if conf.kernel_path and not f"{os.path.normpath(conf.kernel_path)}/".startswith(KERNEL_PATHS):
        raise InvalidConfig(
            f'kernel device path "{conf.kernel_path}" must be absolute and begin with {KERNEL_PATHS}'
        )
    for key, name in (("pciBusID", conf.pci), ("runtimeConfig.deviceID", conf.device_id)):
        if "/" in name or name in (".", ".."):
            raise InvalidConfig(f"{key}: {name!r} is not the name of a device", hint="like 0000:03:02.1")
    return replace(conf, hwaddr=_with_colons(conf.hwaddr))


def _with_colons(hwaddr: str) -> str:
    """As the kernel's are printed. Written with colons or dashes between pairs, or dots between fours."""
    digits = re.sub("[:.-]", "", hwaddr)
    if hwaddr and not ((_PAIRS.match(hwaddr) or _FOURS.match(hwaddr)) and len(digits) // 2 in _OCTETS):
        raise InvalidConfig(
            f'failed to parse MAC address "{hwaddr}"', hint="pairs of hexadecimal digits: 02:00:00:00:00:01"
        )
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))
