"""sriov on an emulated igb: VFs that are really made, set up, moved, and made as they were."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from multinet import steps
from multinet.errors import PluginFailed
from tests.support import netns as namespaces
from tests.support import vfs
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.vfs import CABLE, FIRST, MACHINE, PCI, PF, SECOND, Card
from tests.support.wait import until

pytestmark = pytest.mark.qemu

MAC = "02:00:00:00:00:07"


@pytest.fixture
def host() -> Netns:
    """The machine itself: there VFs are made, and there the kernel brings them back to."""
    return MACHINE


@pytest.fixture
def card() -> Iterator[Card]:
    """The card with two VFs, all of which is as it was when the test is over."""
    made = vfs.make_vfs()
    before = made.state()
    yield made
    assert made.state() == before


@pytest.fixture
def changing_card() -> Card:
    """Likewise, but the VFs get other drivers or are made anew, and so other MACs."""
    return vfs.make_vfs()


@pytest.fixture
def one(attach: Callable[..., Attachment], pod: Netns, tmp_path: Path) -> Callable[..., Attachment]:
    """An attachment of the first VF, with its records in a folder of the test's."""

    def make(**keys: Any) -> Attachment:
        pod = keys.pop("pod_", None) or pod_
        conf = {"cniVersion": "1.1.0", "name": "net", "type": "sriov", "deviceID": FIRST}
        return attach(pod, {**conf, "dataDir": str(tmp_path / "sriov"), **keys})

    pod_ = pod
    return make


def records(tmp_path: Path) -> list[str]:
    found = (file for file in (tmp_path / "sriov").rglob("*") if file.is_file())
    return sorted(file.name for file in found if not file.name.startswith("lock."))


def test_a_vf_is_set_up_through_its_pf_moved_and_made_as_it_was(one, card: Card, pod: Netns, tmp_path: Path):
    before, link = card.vf(), card.link()
    attachment = one(
        vlan=100, vlanQoS=3, mac=MAC, spoofchk="off", trust="on", max_tx_rate=200, mtu=1400
    ).add()
    told = {"name": "eth0", "mac": MAC, "mtu": 1400, "sandbox": pod.path, "pciID": FIRST}
    assert attachment.result["interfaces"] == [told]
    moved = vfs.link_of(pod, FIRST)
    assert (moved["ifname"], moved["address"], moved["mtu"]) == ("eth0", MAC, 1400)
    assert moved["ifalias"] == link["ifname"]
    assert "UP" in moved["flags"]
    now = card.vf()
    assert (now["address"], now["vlan_list"], now["rate"]) == (
        MAC,
        [{"vlan": 100, "qos": 3}],
        {"max_tx": 200, "min_tx": 0},
    )
    assert (now["spoofchk"], now["trust"]) == (False, True)
    attachment.check()
    attachment.delete()
    assert (card.vf(), card.link()["ifname"], pod.links()) == (before, link["ifname"], [])
    assert records(tmp_path) == []
    attachment.delete()


def test_a_vf_without_wishes_is_moved_as_it_is(one, card: Card, pod: Netns):
    before = card.vf()
    attachment = one().add()
    assert attachment.result["interfaces"][0]["mac"] == vfs.link_of(pod, FIRST)["address"]
    assert card.vf() == before
    attachment.check()
    attachment.delete()


def test_its_frames_are_in_the_vlan_that_the_card_gives_them(
    one, card: Card, pod: Netns, netns: Callable[..., Netns], ranges
):
    """To a machine at the other end of the cable, which has an address in that VLAN only."""
    lan, name = netns("lan"), vfs.link_of(MACHINE, CABLE)["ifname"]
    MACHINE.ip("link", "set", name, "netns", lan.name)
    lan.ip("link", "set", name, "up")
    lan.ip("link", "add", "link", name, "name", "tagged", "type", "vlan", "id", "100")
    lan.ip("addr", "add", "10.1.2.200/24", "dev", "tagged")
    lan.ip("link", "set", "tagged", "up")
    attachment = one(vlan=100, ipam=ranges("10.1.2.0/24")).add()
    until(lambda: pings(pod, "10.1.2.200"), seconds=20, what="a ping to the VLAN")
    attachment.check()
    lan.ip("link", "set", "tagged", "down")
    assert not pings(pod, "10.1.2.200")
    attachment.delete()


@pytest.mark.parametrize(
    ("keys", "message", "hint"),
    [
        (
            {"vlan": 7, "vlanProto": "802.1ad"},
            "vlan 7, qos 0, proto 802.1ad: Protocol not supported",
            "igb of PF can't do that: leave out vlanProto",
        ),
        (
            {"vlan": 7, "link_state": "enable"},
            "link_state enable: Operation not supported",
            "igb of PF can't do that: leave out link_state",
        ),
        (
            {"mac": MAC, "min_tx_rate": 10, "max_tx_rate": 20},
            "min_tx_rate 10, max_tx_rate 20: Invalid argument",
            "igb of PF may not take this value of min_tx_rate and max_tx_rate",
        ),
    ],
    ids=["802.1ad", "link_state", "min_tx_rate"],
)
def test_what_the_card_cannot_do_is_refused_and_undone(
    one, card: Card, pod: Netns, tmp_path: Path, keys: dict[str, Any], message: str, hint: str
):
    with pytest.raises(PluginFailed) as failure:
        one(spoofchk="off", trust="on", **keys).add()
    assert failure.value.message == f"could not set VF 0 of {card.name} to {message}"
    assert failure.value.details == hint.replace("PF", card.name)
    assert (pod.links(), records(tmp_path)) == ([], [])


def test_a_vf_that_a_container_has_is_given_to_no_other(
    one, card: Card, netns: Callable[..., Netns], tmp_path: Path
):
    first, other = one().add(), netns("other")
    assert refusal(one(pod_=other).but(container="c2").add) == f"pci address {FIRST} is already allocated"
    first.check()
    second = one(deviceID=SECOND, pod_=other).but(container="c2").add()
    assert second.result["interfaces"][0]["pciID"] == SECOND
    first.gc(("c2", "eth0"))
    assert records(tmp_path) == [SECOND, "c2-eth0"]
    assert card.link()["ifname"]
    second.delete()


def test_a_vf_comes_back_as_it_was_from_a_namespace_that_vanished(
    one, card: Card, pod: Netns, tmp_path: Path
):
    attachment = one(vlan=100, mac=MAC, trust="on", mtu=1400).add()
    namespaces.remove(pod)
    attachment.delete()
    assert records(tmp_path) == []


def test_or_the_next_container_gets_it_as_it_was(one, card: Card, pod: Netns, netns: Callable[..., Netns]):
    before = card.state()
    one(vlan=100, mac=MAC, trust="on", mtu=1400).add()
    namespaces.remove(pod)
    second = one(pod_=netns("next")).but(container="c2").add()
    assert (card.vf(), second.result["interfaces"][0]["mac"]) == (
        before[FIRST]["pf"],
        before[FIRST]["address"],
    )
    one().delete()
    second.check()
    second.delete()


def test_the_link_is_up_again_if_it_was(one, card: Card, pod: Netns):
    name = card.link()["ifname"]
    MACHINE.ip("link", "set", name, "up")
    try:
        one(mac=MAC).add().delete()
        assert "UP" in card.link()["flags"]
    finally:
        MACHINE.ip("link", "set", name, "down")


def test_check_sees_what_was_changed(one, card: Card, pod: Netns):
    attachment = one(vlan=100, trust="on").add()
    card.ip("vf", "0", "vlan", "101")
    what = f"vlan, qos, proto of VF 0 of {card.name} is 101, 0, 33024, configured is 100, 0, 33024"
    assert refusal(attachment.check) == what
    card.ip("vf", "0", "vlan", "100")
    card.ip("vf", "0", "trust", "off")
    assert refusal(attachment.check) == f"trust of VF 0 of {card.name} is off, configured is on"
    attachment.delete()
    assert refusal(attachment.check) == "no VF was given to eth0"


def test_a_vf_that_programs_drive_is_set_up_and_told_of(
    one, changing_card: Card, pod: Netns, ranges, tmp_path: Path
):
    card, file = changing_card, tmp_path / "info.json"
    told = {"runtimeConfig": {"mac": MAC, "CNIDeviceInfoFile": str(file)}}
    with vfs.driven_by_programs():
        before = card.vf()
        attachment = one(vlan=9, ipam=ranges("10.1.2.0/24"), **told).add()
        (interface,) = attachment.result["interfaces"]
        assert (interface["mac"], interface["pciID"], attachment.addresses) == (MAC, FIRST, ["10.1.2.2/24"])
        assert json.loads(file.read_text()) == {
            "type": "pci",
            "version": "1.1.0",
            "pci": {"pci-address": FIRST, "pf-pci-address": PF},
        }
        now = card.vf()
        assert (now["vlan_list"], now["address"], pod.links()) == ([{"vlan": 9}], MAC, [])
        attachment.check()
        attachment.delete()
        assert card.vf() == before


def test_a_card_that_is_down_is_named(one, changing_card: Card):
    card = changing_card
    card.ip("down")
    try:
        with pytest.raises(PluginFailed) as failure:
            one(max_tx_rate=100).add()
    finally:
        vfs.make_vfs()
    assert failure.value.message == (
        f"could not set VF 0 of {card.name} to min_tx_rate 0, max_tx_rate 100: Invalid argument"
    )
    assert failure.value.details == f"{card.name} is down: `ip link set {card.name} up`"


def test_a_vf_without_a_driver_is_refused(one, changing_card: Card):
    (PCI / FIRST / "driver" / "unbind").write_text(FIRST)
    try:
        assert refusal(one().add) == f"VF {FIRST} is bound to no driver"
    finally:
        vfs.make_vfs()


def test_vfs_that_were_just_made_have_no_mac_of_the_pfs_again(one, changing_card: Card):
    """An igb's VF then chooses its own, and does not tell it before it is up."""
    card, count = changing_card, PCI / PF / "sriov_numvfs"
    for number in ("0", "2"):
        count.write_text(number)
    until(lambda: (PCI / FIRST / "net").exists(), seconds=20)
    before, mac = card.vf(), card.link()["address"]
    one(mac=MAC).add().delete()
    assert (before["address"], card.vf(), card.link()["address"]) == ("00:00:00:00:00:00", before, mac)
    count.write_text("0")


def test_what_sriov_cni_has_set_up_is_made_as_it_was(one, card: Card, pod: Netns, tmp_path: Path):
    """By its record, which this is one of, on a node that has changed over."""
    link, vf = card.link(), card.vf()
    attachment = one()
    folder = tmp_path / "sriov"
    (folder / "pci").mkdir(parents=True)
    (folder / "pci" / FIRST).write_text(pod.path)
    state = {
        "HostIFName": link["ifname"], "SpoofChk": vf["spoofchk"], "Trust": vf["trust"], "AdminMAC": vf["address"],
        "EffectiveMAC": link["address"], "Vlan": 0, "VlanQoS": 0, "VlanProto": 0x8100, "MinTxRate": 0,
        "MaxTxRate": 0, "LinkState": 0, "MTU": link["mtu"],
    }  # fmt: skip
    record = {
        "cniVersion": "0.3.1", "name": "net", "type": "sriov", "ipam": {}, "dns": {}, "OrigVfState": state,
        "Master": card.name, "MAC": MAC, "MTU": 1500, "vlan": 100, "vlanQoS": 0, "vlanProto": "802.1q",
        "deviceID": FIRST, "VFID": 0, "min_tx_rate": None, "max_tx_rate": None, "runtimeConfig": {},
    }  # fmt: skip
    (folder / "c1-eth0").write_text(json.dumps(record))
    card.ip("vf", "0", "vlan", "100")
    card.ip("vf", "0", "mac", MAC)
    name = str(link["ifname"])
    for words in ("up", "down", f"netns {pod.name} name eth0"):  # igbvf takes the PF's MAC as it goes down
        MACHINE.ip("link", "set", name, *words.split())
    assert vfs.link_of(pod, FIRST)["address"] == MAC
    attachment.delete()
    assert records(tmp_path) == []


def dies_at(step: int, attachment: Attachment, verb: str) -> bool:
    """The verb in a process that is killed just before its step of that number. False when it has no such step."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            taken = itertools.count()
            steps.listen(lambda _: os.kill(os.getpid(), signal.SIGKILL) if next(taken) == step else None)
            getattr(attachment, verb)()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{verb} failed, killed at step {step}"
    return os.WIFSIGNALED(status)


def test_it_is_as_it_was_after_a_del_wherever_an_add_was_killed(
    one, card: Card, netns: Callable[..., Netns], tmp_path: Path
):
    """Every other time the namespace is gone as well, as after a runtime's restart."""
    before, step, killed = card.state(), 0, True
    while killed:
        pod = netns("mortal")
        attachment = one(vlan=100, mac=MAC, trust="on", mtu=1400, pod_=pod)
        killed = dies_at(step // 2, attachment, "add")
        if step % 2:
            namespaces.remove(pod)
        attachment.delete()
        assert (step, card.state(), records(tmp_path)) == (step, before, [])
        step += 1
    assert step > 16


def test_or_wherever_a_del_was_killed(one, card: Card, pod: Netns, tmp_path: Path):
    before, step = card.state(), 0
    attachment = one(vlan=100, mac=MAC, trust="on", mtu=1400).add()
    while dies_at(step, attachment, "delete"):
        attachment.delete()
        assert (step, card.state(), pod.links(), records(tmp_path)) == (step, before, [], [])
        attachment.add()
        step += 1
    assert step > 8
