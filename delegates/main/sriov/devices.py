"""Virtual functions as sysfs tells of them: whose they are, who drives them, what their links are called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from multinet.errors import InvalidConfig, TryAgain
from multinet.kernel import links
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace

PCI = Path("/sys/bus/pci/devices")

USERSPACE_DRIVERS = frozenset({"vfio-pci", "uio_pci_generic", "igb_uio"})
"""Who has one of these has no link: a program in the container drives the device by itself (DPDK)."""

_REPRESENTOR = re.compile(r"(c[0-9]+)?pf[0-9]+(vf|sf)[0-9]+\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class VfDevice:
    address: str
    pf_address: str
    number: int
    """Which of the PF's VFs it is, for whoever speaks to the PF."""
    driver: str
    """"" for none."""

    @property
    def userspace(self) -> bool:
        return self.driver in USERSPACE_DRIVERS


def vf(address: str) -> VfDevice:
    """Raises InvalidConfig for what is no VF of this machine."""
    found = find(address)
    if found is not None:
        return found
    if not (PCI / address).exists():
        raise InvalidConfig(
            f"there is no PCI device {address} on this node",
            hint="a device plugin names those that are here; were the VFs removed, or made again, meanwhile?",
        )
    if (PCI / address / "sriov_totalvfs").exists():
        raise InvalidConfig(
            f"PCI device {address} is a physical function, not a virtual one",
            hint=f"make VFs by writing their number to {PCI / address}/sriov_numvfs, or use host-device",
        )
    raise InvalidConfig(
        f"PCI device {address} is not a virtual function", hint="host-device takes whole devices"
    )


def find(address: str) -> VfDevice | None:
    physical = PCI / address / "physfn"
    for virtual in physical.glob("virtfn*"):
        if _target(virtual) == address:
            return VfDevice(
                address=address,
                pf_address=_target(physical),
                number=int(virtual.name.removeprefix("virtfn")),
                driver=driver(address),
            )
    return None


def pf_link(device: VfDevice, host: Namespace) -> Link:
    """The link of the PF, through which the VF is set up. Raises InvalidConfig where there is none."""
    link = find_pf_link(device, host)
    if link is None:
        raise InvalidConfig(
            f"the physical function {device.pf_address} of VF {device.address} has no link on the host",
            hint=f"VFs are set up through it, and its driver is {driver(device.pf_address) or 'none'}",
        )
    return link


def find_pf_link(device: VfDevice, host: Namespace) -> Link | None:
    # A card in switchdev mode has the representors of its VFs there, too.
    found = (one for one in _links_of(device.pf_address, host) if not _REPRESENTOR.match(_port(one.name)))
    return next(found, None)


def vf_link(device: VfDevice, host: Namespace) -> Link:
    """The link of the VF, on the host. Raises TryAgain, or InvalidConfig where there can be none."""
    if not device.driver:
        raise InvalidConfig(
            f"VF {device.address} is bound to no driver",
            hint=f"bind it to its own, or to one of {', '.join(sorted(USERSPACE_DRIVERS))}",
        )
    link = at_home(device, host)
    if link is None:
        raise TryAgain(
            f"VF {device.address} has no link on the host",
            hint="another container may still have it, or its driver is still at work",
        )
    return link


def at_home(device: VfDevice, host: Namespace) -> Link | None:
    """The link of the VF if it is on the host, whatever it is called there."""
    return next(_links_of(device.address, host), None)


def _links_of(address: str, space: Namespace) -> Iterator[Link]:
    """By the name that sysfs has, which shows one namespace only; else by what the kernel tells of each link."""
    for name in _listed(PCI / address / "net"):
        link = links.find(space.rtnl, name)
        if link is not None and link.device in (address, ""):
            yield link
    yield from (link for link in links.dump(space.rtnl) if link.device == address)


def _port(name: str) -> str:
    return _read(Path("/sys/class/net", name, "phys_port_name"))


def driver(address: str) -> str:
    return _target(PCI / address / "driver")


def rdma_device(device: VfDevice) -> str:
    """Its name for RDMA; "" where it has none. It stays where it is: only the link is moved."""
    return next(iter(_listed(PCI / device.address / "infiniband")), "")


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _target(link: Path) -> str:
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return ""


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
