"""Which device of the machine a configuration means, as sysfs and the kernel tell it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from delegates.main.host_device.conf import HostDeviceConf
from multinet.errors import InvalidConfig
from multinet.kernel import links
from multinet.kernel.links import Link
from multinet.kernel.moves import call_again
from multinet.kernel.namespace import Namespace

PCI = Path("/sys/bus/pci/devices")
AUXILIARY = Path("/sys/bus/auxiliary/devices")

USERSPACE_DRIVERS = frozenset({"vfio-pci", "uio_pci_generic", "igb_uio"})
"""Who has one of these has no link: a program in the container drives the device by itself (DPDK)."""

_KERNELS_NAME = re.compile(r"dev[0-9]+\Z")


def is_userspace(conf: HostDeviceConf) -> bool:
    """Is the device bound to a driver for programs? Raises InvalidConfig for a PCI device without a driver."""
    pci = conf.pci
    if conf.device_id:
        pci = conf.device_id if _on_bus(conf.device_id) is PCI else ""
    if not pci:
        return conf.dpdk
    try:
        driver = os.path.basename(os.readlink(PCI / pci / "driver"))
    except OSError as error:
        raise InvalidConfig(
            f"error with host device: could not tell the driver of PCI device {pci}: {error.strerror}",
            hint="correct the address, or bind the device to a driver",
        ) from error
    return driver in USERSPACE_DRIVERS


def find(conf: HostDeviceConf, host: Namespace, ifname: str) -> Link:
    """The link of the device, on the host. Raises InvalidConfig when there is none."""
    if conf.device:
        link = links.find(host.rtnl, conf.device) or restore_stray(conf, host, ifname)
    elif conf.hwaddr:
        link = next((link for link in links.dump(host.rtnl) if link.mac == conf.hwaddr), None)
    else:
        link = links.find(host.rtnl, _first_of(_net_folder(conf)))
    if link is None:
        raise _not_found(f"{conf.device or conf.hwaddr}: Link not found")
    return link


def restore_stray(conf: HostDeviceConf, host: Namespace, ifname: str) -> Link | None:
    """Give the device its name back, if it is here under another.

    Where a container goes without a DEL, the kernel returns a real device under the name that it had there, or
    as ``dev7`` where that is taken; its alias still says what it was called. Only a device that the
    configuration names can be told so from one whose alias is somebody's remark.
    """
    if not conf.device or links.find(host.rtnl, conf.device) is not None:
        return None
    for link in links.dump(host.rtnl):
        if link.alias == conf.device and (link.name == ifname or _KERNELS_NAME.match(link.name)):
            host.rtnl.batch(call_again(link, conf.device))
            return links.get_by_index(host.rtnl, link.index)
    return None


def _on_bus(device_id: str) -> Path:
    for bus in (PCI, AUXILIARY):
        if (bus / device_id).exists():
            return bus
    raise InvalidConfig(
        f"runtime config DeviceID {device_id} not found or unsupported",
        hint="a device plugin must give a PCI address or the name of an auxiliary device of this node",
    )


def _net_folder(conf: HostDeviceConf) -> Path:
    """Where the kernel names the links of the device."""
    if conf.kernel_path:
        return Path(conf.kernel_path, "net")
    device = _on_bus(conf.device_id) / conf.device_id if conf.device_id else PCI / conf.pci
    if device.parent == AUXILIARY or (device / "net").exists():
        return device / "net"
    virtio = sorted(device.glob("virtio*/net"))
    if not virtio:
        raise _not_found(f"no net directory under pci device {device.name}")
    return virtio[0]


def _first_of(folder: Path) -> str:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise _not_found(f"could not read {folder}: {error.strerror}") from error
    if not names:
        raise _not_found(f"there is no network device in {folder}")
    return names[0]


def _not_found(why: str) -> InvalidConfig:
    return InvalidConfig(
        f"failed to find host device: {why}",
        hint="correct the configuration, or see which container has the device",
    )
