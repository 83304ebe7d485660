"""Taps: what is left when their making ends early, and the one message that finishes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from multinet import steps
from multinet.errors import Exists, KernelError
from multinet.kernel import links, tuntap
from multinet.kernel.namespace import Namespace
from multinet.kernel.tuntap import Tap
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

GROUP = 0x40001234


@pytest.fixture
def inside(pod: Netns) -> Iterator[Namespace]:
    with Namespace.open(pod.path) as namespace:
        yield namespace


def test_it_is_in_its_group_before_it_is_kept(inside: Namespace) -> None:
    heard: list[str] = []
    steps.listen(heard.append)
    try:
        made = tuntap.create(inside, "eth0", Tap(owner=1, group=2, mtu=1400), group=GROUP)
    finally:
        steps.listen(None)
    assert heard == [
        "make tap eth0",
        "set mtu, MAC and group of eth0",
        "give eth0 to user 1",
        "give eth0 to group 2",
        "keep tap eth0",
    ]
    assert (made.kind, made.group, made.mtu) == ("tun", GROUP, 1400)


@pytest.mark.parametrize("last", range(5))
def test_one_that_is_not_kept_is_gone(inside: Namespace, last: int) -> None:
    taken = 0

    def refuse(what: str) -> None:
        nonlocal taken
        if taken == last:
            raise KernelError(f"could not {what}: it was told to fail")
        taken += 1

    steps.listen(refuse)
    try:
        with pytest.raises(KernelError, match="it was told to fail"):
            tuntap.create(inside, "eth0", Tap(owner=1, group=2), group=GROUP)
    finally:
        steps.listen(None)
    assert links.find(inside.rtnl, "eth0") is None


def test_one_that_is_there_is_not_opened(inside: Namespace, pod: Netns) -> None:
    pod.ip("tuntap", "add", "mode", "tap", "name", "eth0")
    with pytest.raises(Exists) as caught:
        tuntap.create(inside, "eth0", Tap(), group=GROUP)
    assert str(caught.value) == (
        "there is an interface 'eth0' already "
        "(somebody else made it, or an earlier ADD was not followed by its DEL)"
    )
    assert links.get(inside.rtnl, "eth0").group == 0


def test_nor_one_that_comes_meanwhile(inside: Namespace, pod: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    pod.ip("tuntap", "add", "mode", "tap", "name", "eth0")
    monkeypatch.setattr(links, "find", lambda net, name: None)
    with pytest.raises(KernelError) as caught:
        tuntap.create(inside, "eth0", Tap(), group=GROUP)
    assert caught.value.sentence == "could not make tap eth0: Device or resource busy"
    assert pod.links() == ["eth0"]


@pytest.mark.parametrize(
    ("tap", "flags"),
    [
        (Tap(), 0x1002),
        (Tap(multi_queue=True), 0x1102),
        (Tap(owner=0), 0x1002),
        (Tap(owner=0, group=0), 0x4002),
        (Tap(owner=0, group=0, multi_queue=True), 0x5102),
    ],
)
def test_its_flags_are_the_references(tap: Tap, flags: int) -> None:
    assert tap.flags == flags


def test_what_finishes_it_is_packed_as_pyroute2_packs_it(inside: Namespace) -> None:
    lo = links.get(inside.rtnl, "lo")
    message = ifinfmsg()
    message["index"] = lo.index
    message["attrs"] = [
        ("IFLA_MTU", 1400),
        ("IFLA_ADDRESS", "02:11:22:33:44:55"),
        ("IFLA_GROUP", GROUP),
    ]
    message.encode()
    packed = tuntap.properties(lo, Tap(mtu=1400, mac="02:11:22:33:44:55"), GROUP).body
    assert packed == bytes(message.data)[16:]
