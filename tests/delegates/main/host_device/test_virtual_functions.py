"""host-device with a real PCI device, a virtual function of an emulated igb: found, moved, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import vfs
from tests.support.netns import Netns
from tests.support.plugins import refusal
from tests.support.vfs import FIRST, MACHINE, Card

pytestmark = pytest.mark.qemu


@pytest.fixture
def host() -> Netns:
    return MACHINE


@pytest.fixture
def card() -> Iterator[Card]:
    made = vfs.make_vfs()
    before = made.state()
    yield made
    assert made.state() == before


def host_device(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "host-device", **keys}


@pytest.mark.parametrize("keys", [{"pciBusID": FIRST}, {"runtimeConfig": {"deviceID": FIRST}}], ids=str)
def test_it_is_named_by_its_pci_address(attach, pod: Netns, card: Card, keys: dict[str, Any]):
    link = card.link()
    one = attach(pod, host_device(**keys)).add()
    moved = vfs.link_of(pod, FIRST)
    assert (moved["ifname"], moved["address"], moved["ifalias"]) == ("eth0", link["address"], link["ifname"])
    assert one.result["interfaces"] == [{"name": "eth0", "mac": link["address"], "sandbox": pod.path}]
    one.check()
    one.delete()


def test_one_that_programs_drive_is_only_told_of(attach, pod: Netns, ranges):
    vfs.make_vfs()
    with vfs.driven_by_programs():
        one = attach(pod, host_device(pciBusID=FIRST, ipam=ranges("10.1.2.0/24"))).add()
        assert one.result["interfaces"] == [{"name": "eth0", "sandbox": pod.path}]
        one.check()
        one.delete()
        assert pod.links() == []


def test_what_another_container_has_is_not_found(attach, pod: Netns, card: Card, netns):
    one = attach(pod, host_device(pciBusID=FIRST)).add()
    other = attach(netns("other"), host_device(pciBusID=FIRST), container="c2")
    why = f"there is no network device in /sys/bus/pci/devices/{FIRST}/net"
    assert refusal(other.add) == f"failed to find host device: {why}"
    one.delete()
