"""Every installed delegate, and the reference's executables, keep the promises of ``conformance``."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multinet.delegate.registry import installed
from tests.delegate.conformance import (
    IN_PROCESS,
    PROMISES,
    Promise,
    Subject,
    World,
    add_answers_in_the_version_it_was_asked_in,
    an_interface_that_is_there_is_nobodys_to_take,
    check_sees_that_there_was_no_add,
    del_is_success_when_there_is_nothing,
    del_takes_back_what_add_made,
)
from tests.support.netns import Netns
from tests.support.plugins import quick_ipv6, reference

pytestmark = pytest.mark.kernel

HOST_LOCAL: dict[str, Any] = {
    "type": "host-local",
    "dataDir": "FOLDER/ipam",
    "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd01:2::/64"}]],
}
ONE_ADDRESS: dict[str, Any] = {
    "type": "static",
    "addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
}

# A bridge or a rule of its own makes more steps, and more to be left behind.
SUBJECTS = {
    subject.type: subject
    for subject in (
        Subject(
            type="bridge",
            conf={
                "type": "bridge", "bridge": "br0", "isDefaultGateway": True, "ipMasq": True,
                "ipMasqBackend": "nftables", "macspoofchk": True, "ipam": HOST_LOCAL,
            },
        ),
        Subject(
            type="ptp", conf={"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables", "ipam": HOST_LOCAL}
        ),
        Subject(type="macvlan", conf={"type": "macvlan", "master": "up0", "ipam": HOST_LOCAL}),
        Subject(type="dummy", conf={"type": "dummy", "ipam": HOST_LOCAL}, uml=True),
        Subject(type="ipvlan", conf={"type": "ipvlan", "master": "up0", "ipam": HOST_LOCAL}, uml=True),
        Subject(
            type="vlan", conf={"type": "vlan", "master": "up0", "vlanId": 7, "ipam": HOST_LOCAL}, uml=True
        ),
        Subject(type="host-device", conf={"type": "host-device", "device": "up1", "ipam": HOST_LOCAL}),
        Subject(
            type="tap",
            conf={"type": "tap", "owner": 107, "group": 107, "mac": "02:11:22:33:44:55", "ipam": HOST_LOCAL},
        ),
        Subject(type="loopback", conf={"type": "loopback"}, makes_interface=False),
        Subject(type="host-local", conf={"type": "some", "ipam": HOST_LOCAL}, makes_interface=False),
        Subject(
            type="static",
            conf={"type": "some", "ipam": ONE_ADDRESS},
            makes_interface=False,
            sees_absence=False,  # it keeps nothing, and CHECK is about the result it is given
        ),
        Subject(type="sbr", conf={"type": "sbr"}, makes_interface=False, chained=True),
        Subject(
            type="vrf",
            conf={"type": "vrf", "vrfname": "blue"},
            makes_interface=False,
            chained=True,
            uml=True,
            versions=("0.3.1", "0.4.0", "1.0.0", "1.1.0"),
        ),
        Subject(
            type="tuning",
            conf={
                "type": "tuning", "mac": "02:11:22:33:44:55", "mtu": 1400, "promisc": True, "allmulti": True,
                "txQLen": 500, "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "dataDir": "FOLDER/tuning",
            },
            makes_interface=False,
            chained=True,
        ),
    )
}  # fmt: skip

NOT_KEPT_BY_THE_REFERENCE = {
    ("tap", an_interface_that_is_there_is_nobodys_to_take),  # it takes it for its own
    ("sbr", add_answers_in_the_version_it_was_asked_in),  # its DEL leaves the tables filled, for which a
    ("sbr", del_takes_back_what_add_made),  # second ADD on the same interface fails
    ("sbr", del_is_success_when_there_is_nothing),
    ("sbr", check_sees_that_there_was_no_add),  # it looks at nothing
    ("host-device", del_is_success_when_there_is_nothing),  # D-13
    ("ipvlan", an_interface_that_is_there_is_nobodys_to_take),  # it leaves its link under a random name
    ("vlan", an_interface_that_is_there_is_nobodys_to_take),  # ... so does this
}


@pytest.fixture
def world(netns: Callable[..., Netns], tmp_path: Path) -> World:
    host, pod = quick_ipv6(netns("host")), quick_ipv6(netns("pod"))
    host.ip("link", "set", "lo", "up")
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for link in ("up0", "up1"):
        host.ip("link", "set", link, "up")
    return World(host=host, pod=pod, folder=tmp_path)


def words(promise: Promise) -> str:
    return promise.__name__.replace("_", " ")


def rows(*promises: Promise, but: Container[tuple[str, Promise]] = ()) -> list[Any]:
    return [
        pytest.param(
            subject,
            promise,
            id=f"{type_}-{words(promise)}",
            marks=[pytest.mark.uml] if subject.uml else [],
        )
        for type_, subject in SUBJECTS.items()
        for promise in promises
        if (type_, promise) not in but
    ]


def test_no_installed_delegate_is_left_out():
    assert set(installed()) == set(SUBJECTS)


@pytest.mark.parametrize(("subject", "promise"), rows(*PROMISES, *IN_PROCESS))
def test_an_installed_delegate_keeps_the_promise(subject: Subject, promise: Promise, world: World):
    promise(subject, world)


@pytest.mark.peer
@pytest.mark.parametrize(("subject", "promise"), rows(*PROMISES, but=NOT_KEPT_BY_THE_REFERENCE))
def test_an_executable_keeps_the_promise(subject: Subject, promise: Promise, world: World, peers: Path):
    promise(replace(subject, by=reference(peers)), world)
