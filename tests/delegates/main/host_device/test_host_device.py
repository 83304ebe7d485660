"""host-device on the real kernel: which device is meant, where it is afterwards, what it is called; and the decisions
of its README.md by their names. A veth pair stands for a network card and the machine on its cable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from delegates.main.host_device import devices
from tests.delegates.damage import (
    ADDRESS_REMOVED,
    MAC_CHANGED,
    ROUTE_REMOVED,
    Damage,
    each,
    in_pod,
    is_seen_and_goes,
)
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, pings, reference, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel

CARD, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:99"
GONE = Netns(name="mn-never-there")
PCI, AUXILIARY = "0000:03:02.1", "mlx5_core.sf.4"


@pytest.fixture
def lan(host: Netns, netns: Callable[..., Netns]) -> Netns:
    """What the card ``up0`` leads to: another machine on the LAN, 10.1.2.200."""
    made = netns("lan")
    host.ip(*f"link add up0 address {CARD} type veth peer name eth0 netns {made.name}".split())
    made.ip("addr", "add", "10.1.2.200/24", "dev", "eth0")
    made.ip("link", "set", "eth0", "up")
    host.ip("link", "set", "up0", "up")
    return made


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sysfs with the card ``up0`` as a PCI device, and as an auxiliary one."""
    for name, place in (("PCI", "pci"), ("AUXILIARY", "auxiliary")):
        monkeypatch.setattr(devices, name, tmp_path / place)
    (tmp_path / "pci" / PCI / "net" / "up0").mkdir(parents=True)
    (tmp_path / "auxiliary" / AUXILIARY / "net" / "up0").mkdir(parents=True)
    bind(tmp_path, "ixgbevf")
    return tmp_path


def bind(bus: Path, driver: str) -> None:
    link = bus / "pci" / PCI / "driver"
    link.unlink(missing_ok=True)
    link.symlink_to(f"../../drivers/{driver}")


def host_device(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "host-device", **keys}


def card(host: Netns, name: str = "up0") -> dict[str, Any]:
    (link,) = host.json("ip", "-j", "link", "show", name)
    return dict(link)


def test_the_card_reaches_its_lan_from_the_container_and_comes_back(
    attach, pod, host: Netns, lan: Netns, ranges
):
    one = attach(pod, host_device(device="up0", ipam=ranges("10.1.2.0/24"))).add()
    assert one.result["interfaces"] == [{"name": "eth0", "mac": CARD, "sandbox": pod.path}]
    assert "up0" not in host.links()
    until(lambda: pings(pod, "10.1.2.200"), what="a ping to the LAN")
    until(lambda: pings(lan, one.address), what="a ping from the LAN")
    one.check()
    one.delete()
    assert (pod.links(), card(host)["address"], card(host).get("ifalias")) == ([], CARD, None)
    assert "UP" not in card(host)["flags"]


@pytest.mark.parametrize(
    "keys", [{"device": "up0"}, {"hwaddr": "02-00-00-00-00-01"}, {"hwaddr": "0200.0000.0001"}]
)
def test_the_device_is_named_by_its_name_or_its_address(attach, pod, host: Netns, lan, keys: dict[str, str]):
    one = attach(pod, host_device(**keys)).add()
    one.check()
    assert card(pod, "eth0")["ifalias"] == "up0"
    one.delete()
    assert "up0" in host.links()


@pytest.mark.parametrize(
    "keys",
    [
        {"pciBusID": PCI},
        {"runtimeConfig": {"deviceID": PCI}},
        {"runtimeConfig": {"deviceID": AUXILIARY}},
        {"runtimeConfig": {"deviceID": AUXILIARY}, "pciBusID": "0000:ff:00.0"},
    ],
    ids=["pciBusID", "deviceID of PCI", "deviceID of the auxiliary bus", "deviceID over pciBusID"],
)
def test_or_by_its_place_on_a_bus(attach, pod, host: Netns, lan, bus: Path, keys: dict[str, Any]):
    """Which DEL does not look at: while the device is away its folder is empty."""
    one = attach(pod, host_device(**keys)).add()
    assert one.result["interfaces"][0]["mac"] == CARD
    one.check()
    (bus / "pci" / PCI / "net" / "up0").rmdir()
    one.delete()
    assert "up0" in host.links()


def test_a_virtio_device_has_its_link_one_folder_below(attach, pod, host: Netns, lan, bus: Path):
    device = bus / "pci" / PCI
    (device / "net" / "up0").rmdir()
    (device / "net").rmdir()
    one = attach(pod, host_device(pciBusID=PCI))
    assert refusal(one.add) == f"failed to find host device: no net directory under pci device {PCI}"
    (device / "virtio1" / "net" / "up0").mkdir(parents=True)
    assert one.add().result["interfaces"][0]["mac"] == CARD


def test_or_by_its_folder_in_sysfs(attach, pod, host: Netns, lan, monkeypatch: pytest.MonkeyPatch, bus: Path):
    from delegates.main.host_device import conf

    monkeypatch.setattr(conf, "KERNEL_PATHS", f"{bus}/")
    one = attach(pod, host_device(kernelpath=f"{bus}/pci/{PCI}")).add()
    assert one.result["interfaces"][0]["mac"] == CARD


@pytest.mark.parametrize("driver", ["vfio-pci", "uio_pci_generic", "igb_uio"])
def test_a_device_of_a_userspace_driver_is_only_told_of(
    attach, pod, host: Netns, lan, bus: Path, ranges, state: Path, driver: str
):
    bind(bus, driver)
    one = attach(pod, host_device(pciBusID=PCI, ipam=ranges("10.1.2.0/24"))).add()
    assert one.result["interfaces"] == [{"name": "eth0", "sandbox": pod.path}]
    assert one.addresses == ["10.1.2.2/24"]
    one.check()
    assert (pod.links(), "up0" in host.links()) == ([], True)
    one.delete()
    assert reserved(state) == []


def test_without_a_pci_address_the_configuration_says_whether_it_is_moved(attach, pod, host: Netns, lan):
    one = attach(pod, host_device(device="up0", DPDKMode=True)).add()
    assert one.result["interfaces"] == [{"name": "eth0", "sandbox": pod.path}]
    one.delete()
    assert "up0" in host.links()


def test_names_that_are_taken_elsewhere_do_not_matter(attach, pod, host: Netns, lan):
    """The host has an eth0 of its own, and the container an up0."""
    host.ip("link", "add", "eth0", "type", "bridge")
    pod.ip("link", "add", "up0", "type", "bridge")
    one = attach(pod, host_device(device="up0")).add()
    one.check()
    one.delete()
    assert (card(host)["address"], pod.links()) == (CARD, ["up0"])


def test_a_name_taken_on_the_host_meanwhile_keeps_it_in_the_container(attach, pod, host: Netns, lan):
    one = attach(pod, host_device(device="up0")).add()
    host.ip("link", "add", "up0", "type", "bridge")
    assert refusal(one.delete) == "could not move eth0: there is an interface 'up0' already"
    one.check()
    host.ip("link", "delete", "up0")
    one.delete()
    assert card(host)["address"] == CARD


DAMAGES = [
    ADDRESS_REMOVED,
    ROUTE_REMOVED,
    MAC_CHANGED,
    Damage(
        what="the device was renamed",
        do=in_pod("link", "set", "eth0", "name", "net7"),
        said="Cannot find container link eth0",
    ),
]


@each(*DAMAGES)
def test_damage_is_seen(damage: Damage, attach, pod, lan, ranges, state: Path):
    routes = [{"dst": "10.9.0.0/16"}]
    one = attach(pod, host_device(device="up0", ipam=ranges("10.1.2.0/24", routes=routes))).add()
    is_seen_and_goes(damage, one)
    assert reserved(state) == []


def test_a_failure_after_the_move_brings_it_back_as_it_was(
    attach, pod, host: Netns, lan, ranges, state: Path
):
    """D-9"""
    routes = [{"dst": "10.9.0.0/16", "gw": "192.0.2.9"}]
    one = attach(pod, host_device(device="up0", ipam=ranges("10.1.2.0/24", routes=routes)))
    assert refusal(one.add) == (
        "could not add route to 10.9.0.0/16 via 192.0.2.9 dev eth0: "
        "Network is unreachable (Nexthop has invalid gateway)"
    )
    assert (pod.links(), reserved(state)) == ([], [])
    assert "UP" in card(host)["flags"]


def test_the_dns_of_ipam_stands(attach, pod, lan):
    """D-8"""
    ipam = {
        "type": "static",
        "addresses": [{"address": "10.1.2.3/24"}],
        "dns": {"nameservers": ["10.1.2.53"]},
    }
    assert attach(pod, host_device(device="up0", ipam=ipam)).add().result["dns"] == {
        "nameservers": ["10.1.2.53"]
    }


class Nowhere(Netns):
    """No CNI_NETNS, as a runtime that lost its namespace says it."""

    path = ""


@pytest.mark.parametrize("gone", [GONE, Nowhere(name="none")], ids=["gone", "not named"])
def test_addresses_are_given_back_without_the_namespace(attach, pod, lan, ranges, state: Path, gone: Netns):
    """D-13"""
    one = attach(pod, host_device(device="up0", ipam=ranges("10.1.2.0/24"))).add()
    one.but(pod=gone).delete()
    assert reserved(state) == []


def test_del_is_success_when_the_device_is_not_there(attach, pod, lan):
    """D-13"""
    attach(pod, host_device(device="up0")).delete()


@pytest.mark.parametrize("name", ["eth0", "dev3"])
def test_a_device_that_the_kernel_returned_gets_its_name_back(attach, pod, host: Netns, lan, name: str):
    """The kernel returns real devices of a namespace that goes, under the name they had in it or ``dev3``."""
    host.ip(*f"link set up0 down name {name} alias up0".split())
    one = attach(pod, host_device(device="up0"))
    one.but(pod=GONE).delete()
    assert (card(host)["address"], card(host).get("ifalias")) == (CARD, None)


def test_if_not_by_del_then_by_the_next_add(attach, pod, host: Netns, lan):
    host.ip(*["link", "set", "up0", "down", "name", "eth0", "alias", "up0"])
    one = attach(pod, host_device(device="up0")).add()
    one.delete()
    assert card(host)["address"] == CARD


def test_a_link_with_a_remark_is_not_taken_for_a_lost_device(attach, pod, host: Netns, lan):
    host.ip(*["link", "set", "up0", "down", "name", "uplink", "alias", "up0"])
    one = attach(pod, host_device(device="up0"))
    assert refusal(one.add) == "failed to find host device: up0: Link not found"
    one.but(pod=GONE).delete()
    assert "uplink" in host.links()


def test_an_interface_that_nobody_moved_stays_where_it_is(attach, pod, host: Netns, lan):
    """What an ADD found in its way, its DEL leaves alone."""
    pod.ip("link", "add", "eth0", "type", "bridge")
    one = attach(pod, host_device(device="up0"))
    assert refusal(one.add) == "could not move up0: there is an interface 'eth0' already"
    one.delete()
    assert (pod.links(), "UP" in card(host)["flags"]) == (["eth0"], True)


def test_a_device_whose_alias_was_cleared_is_not_lost_silently(attach, pod, host: Netns, lan):
    one = attach(pod, host_device(device="up0")).add()
    pod.ip("link", "set", "eth0", "alias", "")
    assert refusal(one.delete) == 'failed to find original ifname for "eth0" (alias is not set)'
    pod.ip("link", "set", "eth0", "alias", "up0")
    one.delete()
    assert "up0" in host.links()


def test_of_two_containers_that_want_it_one_gets_it(attach, pods, host: Netns, lan):
    first, second = pods(2)
    asked = [attach(first, host_device(device="up0")), attach(second, host_device(device="up0"), "c2")]
    refused: list[str] = []

    def want(one: Attachment) -> None:
        try:
            one.add()
        except Exception as error:
            refused.append(str(error))

    threads = [Thread(target=want, args=(one,)) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(first.links() + second.links()) == ["eth0"]
    assert len(refused) == 1
    for one in asked:
        one.but(result={}).delete()
    assert card(host)["address"] == CARD


@pytest.mark.peer
@pytest.mark.parametrize("maker", ["the reference", "ours"])
def test_the_other_brings_it_back(attach, pod, host: Netns, lan, peers: Path, maker: str):
    makes, clears = (reference(peers), OURS) if maker == "the reference" else (OURS, reference(peers))
    one = attach(pod, host_device(device="up0"), by=makes).add()
    one.but(by=clears).check()
    one.but(by=clears).delete()
    assert (card(host)["address"], card(host).get("ifalias")) == (CARD, None)
