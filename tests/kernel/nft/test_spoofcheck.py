"""The MAC spoof check: what it leaves, that it works, and that it goes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from multinet import steps
from multinet.errors import CheckFailed
from multinet.kernel import spoofcheck
from multinet.kernel.namespace import Namespace
from tests.kernel.nft.oracle import kernel_bytes, listing, ruleset
from tests.support.netns import Netns
from tests.support.wait import until

pytestmark = pytest.mark.kernel

MAC = "0a:58:0a:01:02:03"
FALSE_MAC = "0a:58:0a:01:02:99"
PART = {"container_id": "0ab5", "ifname": "net1"}
EXPERIMENTAL = 0x88B5  # an EtherType for local experiments (IEEE 802)


def set_up(home: Namespace, veth: str = "veth0", mac: str = MAC, **part: str) -> None:
    spoofcheck.setup(home, host_veth=veth, mac=mac, **(part or PART))


def check(home: Namespace, veth: str = "veth0", mac: str = MAC, **part: str) -> None:
    spoofcheck.check(home, host_veth=veth, mac=mac, **(part or PART))


def host_veth(host: Netns, ifname: str = "net1") -> str:
    """The host's end of the pair that the reference made last."""
    return next(name for name in host.links() if name.startswith("veth"))


@pytest.mark.peer
def test_the_rules_are_the_references_byte_for_byte(host: Netns, pod: Netns, netns, reference):
    theirs = netns("theirs")
    reference(theirs, "ADD", {"macspoofchk": True})
    mac = pod.json("ip", "-j", "link", "show", "net1")[0]["address"]
    with Namespace.open(host.path) as home:
        set_up(home, host_veth(theirs), mac)
    assert ruleset(host) == ruleset(theirs)
    assert listing(host) == listing(theirs)
    assert kernel_bytes(host) == kernel_bytes(theirs)


@pytest.mark.peer
def test_either_clears_up_after_the_other_and_leaves_the_same(host: Netns, pod: Netns, netns, reference):
    theirs, third = netns("theirs"), netns("third")
    conf: dict[str, object] = {"macspoofchk": True}
    reference(theirs, "ADD", conf)
    with Namespace.open(theirs.path) as home:
        spoofcheck.teardown(home, **PART)
    reference(third, "ADD", conf, ifname="net2")
    reference(third, "DEL", conf, ifname="net2")
    with Namespace.open(host.path) as home:
        set_up(home)
    reference(host, "DEL", conf)
    assert ruleset(theirs) == ruleset(third) == ruleset(host)
    assert kernel_bytes(theirs) == kernel_bytes(third) == kernel_bytes(host)


@pytest.mark.peer
def test_a_second_add_of_the_reference_is_cleared_up_whole(host: Netns, pod: Netns, reference):
    """It makes a second jump."""
    conf: dict[str, object] = {"macspoofchk": True}
    reference(host, "ADD", conf)
    pod.ip("link", "delete", "net1")
    reference(host, "ADD", conf)
    assert listing(host).count("jump cni-br-iface-0ab5-net1 ") == 2
    with Namespace.open(host.path) as home:
        spoofcheck.teardown(home, **PART)
    assert "0ab5" not in listing(host)


def test_a_second_set_up_leaves_one_copy(host: Netns, home):
    set_up(home)
    before = ruleset(host)
    set_up(home)
    assert ruleset(host) == before


def test_what_is_set_up_passes_its_check_and_is_gone_after_clearing_up(host: Netns, home):
    set_up(home)
    check(home)
    spoofcheck.teardown(home, **PART)
    assert "0ab5" not in listing(host)
    assert "chain PREROUTING" in listing(host)
    spoofcheck.teardown(home, **PART)
    with pytest.raises(CheckFailed) as caught:
        check(home)
    assert str(caught.value) == (
        "the MAC spoof check of net1 is not as ADD made it "
        "(see `nft list chain bridge nat cni-br-iface-0ab5-net1` and what jumps there)"
    )


def test_clearing_up_where_nothing_is_makes_nothing(host: Netns, home):
    spoofcheck.teardown(home, **PART)
    spoofcheck.gc(home, set())
    assert ruleset(host) == []


@pytest.mark.parametrize(
    "damage",
    [
        "flush chain bridge nat PREROUTING",
        "flush chain bridge nat cni-br-iface-0ab5-net1",
        "flush chain bridge nat cni-br-iface-0ab5-net1-mac",
        "insert rule bridge nat cni-br-iface-0ab5-net1-mac accept",
    ],
)
def test_damage_fails_the_check_and_is_cleared_up_all_the_same(host: Netns, home, damage):
    set_up(home)
    host.run("nft", damage)
    with pytest.raises(CheckFailed):
        check(home)
    spoofcheck.teardown(home, **PART)
    assert "0ab5" not in listing(host)


def test_another_interface_or_mac_fails_the_check(home):
    set_up(home)
    for other in ({"veth": "veth1"}, {"mac": FALSE_MAC}, PART | {"ifname": "net2"}):
        with pytest.raises(CheckFailed):
            check(home, **other)


def test_attachments_are_kept_apart(host: Netns, home):
    """Also where one's name is the beginning of the other's, or its chain's name with the suffix."""
    parts = [
        PART,
        PART | {"ifname": "net10"},
        PART | {"ifname": "net1-mac"},
        {"container_id": "a0ab5", "ifname": "net1"},
    ]
    for number, part in enumerate(parts):
        set_up(home, f"veth{number}", **part)
    spoofcheck.teardown(home, **PART)
    for number, part in enumerate(parts[1:], 1):
        check(home, f"veth{number}", **part)


def test_ids_that_make_names_too_long_for_the_kernel_work_as_well(host: Netns, home):
    """The reference fails for these."""
    long = {"container_id": "c" * 250, "ifname": "net1"}
    longest = {"container_id": "c" * 233, "ifname": "net1"}
    for part in (long, longest):
        set_up(home, **part)
        check(home, **part)
    assert f"cni-br-iface-{'c' * 233}-net1-mac" in listing(host)
    for part in (long, longest):
        spoofcheck.teardown(home, **part)
    assert "cni-br-iface" not in listing(host)


def test_gc_removes_what_is_not_valid_and_has_no_interface(host: Netns, home):
    """Names hold no network: what has an interface may be another network's."""
    host.ip("link", "add", "veth1", "type", "veth", "peer", "name", "other")
    for number, ifname in enumerate(("net0", "net1", "net2")):
        set_up(home, f"veth{number}", container_id="0ab5", ifname=ifname)
    spoofcheck.gc(home, {("0ab5", "net0")})
    check(home, "veth0", container_id="0ab5", ifname="net0")
    check(home, "veth1", container_id="0ab5", ifname="net1")
    assert "net2" not in listing(host)


def test_many_at_once_lose_nothing(host: Netns):
    def work(number: int) -> None:
        part = {"container_id": f"c{number:02}", "ifname": "net1"}
        with Namespace.open(host.path) as home:
            set_up(home, f"veth{number}", **part)
            if number % 2:
                spoofcheck.teardown(home, **part)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    with Namespace.open(host.path) as home:
        for number in range(0, 16, 2):
            check(home, f"veth{number}", container_id=f"c{number:02}", ifname="net1")
    assert (
        listing(host).count("jump cni-br-iface-c") == 16
    )  # two each: to the chain, and on to the one for the MAC


def test_each_change_is_one_step(home):
    heard: list[str] = []
    steps.listen(heard.append)
    try:
        set_up(home)
        spoofcheck.teardown(home, **PART)
        spoofcheck.teardown(home, **PART)
    finally:
        steps.listen(None)
    assert heard == ["drop what veth0 sends with a false MAC", "end the MAC spoof check of net1"]


@pytest.fixture
def wire(host: Netns, pod: Netns, netns, home) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A sender in the pod, and a receiver behind another port of the same bridge."""
    peer = netns("peer")
    host.ip("link", "add", "br0", "type", "bridge")
    host.ip("link", "set", "br0", "up")
    for veth, where, name, mac in (("veth0", pod, "net1", MAC), ("veth1", peer, "eth0", "0a:58:0a:01:02:04")):
        host.ip(
            "link", "add", veth, "type", "veth", "peer", "name", name, "address", mac, "netns", where.name
        )
        host.ip("link", "set", veth, "master", "br0", "up")
        where.ip("link", "set", name, "up")
    with ExitStack() as stack:
        ends = []
        for where, name in ((pod, "net1"), (peer, "eth0")):
            with Namespace.open(where.path) as namespace:
                end = namespace.visit(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
                stack.callback(end.close)
                end.bind((name, EXPERIMENTAL))
                end.settimeout(5)
                ends.append(end)
        sender, receiver = ends
        until(lambda: arrives(sender, receiver, MAC), what="the bridge to forward")
        yield sender, receiver


def frame(mac: str, payload: bytes) -> bytes:
    octets = bytes.fromhex(mac.replace(":", ""))
    return b"\xff" * 6 + octets + EXPERIMENTAL.to_bytes(2) + payload.ljust(46, b"\0")


def arrives(sender: socket.socket, receiver: socket.socket, mac: str) -> bool:
    """Does a frame from ``mac`` come through? Told by the next one, which is from the true MAC."""
    marks = [os.urandom(8), os.urandom(8)]
    receiver.settimeout(0.5)
    seen = []
    for sent_from, mark in zip((mac, MAC), marks, strict=True):
        sender.send(frame(sent_from, mark))
    try:
        while marks[1] not in seen:
            seen.append(receiver.recv(2000)[14:22])
    except TimeoutError:
        return False
    return marks[0] in seen


def test_a_frame_with_a_false_mac_is_dropped_while_the_check_stands(host: Netns, home, wire):
    sender, receiver = wire
    assert arrives(sender, receiver, FALSE_MAC)
    set_up(home)
    assert not arrives(sender, receiver, FALSE_MAC)
    assert arrives(sender, receiver, MAC)
    spoofcheck.teardown(home, **PART)
    assert arrives(sender, receiver, FALSE_MAC)
