"""The cards of the emulated machine (e2e/kernels/qemu) and their virtual functions, for tests marked `qemu`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.netns import FOLDER, Netns
from tests.support.wait import until

PCI = Path("/sys/bus/pci/devices")
PF, CABLE = "0000:01:00.0", "0000:02:00.0"
"""The card that is tested, and the one at the other end of its cable."""
FIRST, SECOND = "0000:01:10.0", "0000:01:10.2"
"""Its VFs, where the igb's SR-IOV capability puts them."""
COUNT = 2
OWN_DRIVER, FOR_PROGRAMS = "igbvf", "uio_pci_generic"
MODPROBE = ("modprobe", "-d", "/run/kernel")

MACHINE = Netns(name="/proc/1/ns/net")
"""The machine's own namespace, where cards are at the start, and where the kernel brings them back to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A PF, by the namespace and the name that its link has there."""

    where: Netns
    name: str
    address: str = PF

    def vf(self, number: int = 0) -> dict[str, Any]:
        """What the PF knows of a VF, as `ip` shows it."""
        (link,) = self.where.json("ip", "-j", "link", "show", self.name)
        return {key: value for key, value in link["vfinfo_list"][number].items() if key != "stats"}

    def link(self, address: str = FIRST) -> dict[str, Any]:
        """The link of a VF, on the host."""
        return link_of(self.where, address)

    def state(self) -> dict[str, Any]:
        """All that a test may have changed of the VFs and must be found as it was."""
        found: dict[str, Any] = {}
        for number, address in enumerate((FIRST, SECOND)):
            link = self.link(address)
            kept = ("ifname", "address", "mtu", "ifalias", "operstate")
            found[address] = {"pf": self.vf(number), **{key: link.get(key) for key in kept}}
        return found

    def has_carrier(self) -> bool:
        (link,) = self.where.json("ip", "-j", "link", "show", self.name)
        return bool(link["operstate"] == "UP")

    def ip(self, *argv: str) -> None:
        self.where.ip("link", "set", self.name, *argv)


def link_of(space: Netns, address: str) -> dict[str, Any]:
    """The link of a device in a namespace; AssertionError where it is not."""
    found = [one for one in space.json("ip", "-d", "-j", "link") if one.get("parentdev") == address]
    assert found, f"{address} has no link in {space.name}: {space.links()}"
    return dict(found[0])


def make_vfs() -> Card:
    """The card in the machine's own namespace, up, with its VFs and their own driver; they are made once a run."""
    _bring_home()
    card = Card(where=MACHINE, name=_arrived(PF))
    numbers = PCI / PF / "sriov_numvfs"
    card.ip("up")
    if int(numbers.read_text()) != COUNT:
        numbers.write_text(str(COUNT))
    _up_again(card)
    for number, address in enumerate((FIRST, SECOND)):
        if _driver(PCI / address) != OWN_DRIVER:
            _bind(PCI / address, OWN_DRIVER)
        _introduce(card, number, address)
    return card


def lend(host: Netns) -> Card:
    """The card and its VFs in ``host``, the PF up. They come back when that namespace ends, or are fetched."""
    card = make_vfs()
    for address in (PF, FIRST, SECOND):
        MACHINE.ip("link", "set", link_of(MACHINE, address)["ifname"], "netns", host.path)
    return _up_again(Card(where=host, name=card.name))


def lend_for_programs(host: Netns) -> Card:
    """Likewise, but the first VF has a driver for programs, and so no link that could go anywhere else."""
    _bring_home()
    if _driver(PCI / FIRST) != FOR_PROGRAMS:
        make_vfs()
        MACHINE.run(*MODPROBE, FOR_PROGRAMS)
        _bind(PCI / FIRST, FOR_PROGRAMS)
    lent = Card(where=host, name=_arrived(PF))
    MACHINE.ip("link", "set", lent.name, "netns", host.path)
    lent.ip("up")
    return lent


def _up_again(card: Card) -> Card:
    """Its VFs start anew with it, a moment later."""
    card.ip("up")
    until(card.has_carrier, seconds=20, what="the card's carrier")
    return card


def _bring_home() -> None:
    """From the namespaces of a test that is still at work: it makes one world after the other."""
    for name in os.listdir(FOLDER):
        space = Netns(name=name)
        for link in space.json("ip", "-d", "-j", "link"):
            if link.get("parentdev") in (PF, FIRST, SECOND):
                space.ip("link", "set", link["ifname"], "netns", MACHINE.path)


@contextmanager
def driven_by_programs() -> Iterator[None]:
    """The first VF has a driver for programs; its own has it back afterwards."""
    MACHINE.run(*MODPROBE, FOR_PROGRAMS)
    _bind(PCI / FIRST, FOR_PROGRAMS)
    try:
        yield
    finally:
        _bind(PCI / FIRST, OWN_DRIVER)
        _arrived(FIRST)


def _introduce(card: Card, number: int, address: str) -> None:
    """An igb's PF knows a VF's own MAC, which its driver chooses, only when that was up once; and gives it, whenever
    it starts anew, another one that it may know from before."""
    name = _arrived(address)
    if card.vf(number)["address"] == card.link(address)["address"]:
        return
    card.ip("vf", str(number), "mac", "00:00:00:00:00:00")
    MACHINE.ip("link", "set", name, "up")
    until(
        lambda: card.vf(number)["address"] == card.link(address)["address"],
        seconds=20,
        what=f"the card to know the MAC of {name}",
    )
    MACHINE.ip("link", "set", name, "down")


def _driver(device: Path) -> str:
    driver = device / "driver"
    return os.path.basename(os.readlink(driver)) if driver.exists() else ""


def _bind(device: Path, driver: str) -> None:
    if _driver(device):
        (device / "driver" / "unbind").write_text(device.name)
    (device / "driver_override").write_text(driver)
    Path("/sys/bus/pci/drivers_probe").write_text(device.name)
    (device / "driver_override").write_text("\n")


def _arrived(address: str) -> str:
    """The name of a device's link in the machine's own namespace, where it may be on its way."""
    folder = PCI / address / "net"
    what = f"{address} to have a link in the machine's namespace"
    until(lambda: folder.exists() and os.listdir(folder), seconds=20, what=what)
    return os.listdir(folder)[0]
