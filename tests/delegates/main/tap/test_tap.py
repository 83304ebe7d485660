"""tap on the real kernel, with a program on its other end; and the decisions of its README.md by their names."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.delegates.damage import (
    ADDRESS_REMOVED,
    INTERFACE_REMOVED,
    MAC_CHANGED,
    Damage,
    each,
    is_seen_and_goes,
)
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal, within
from tests.support.wait import until

pytestmark = pytest.mark.kernel

MAC = "02:11:22:33:44:55"
MACHINE = bytes.fromhex("020000000007")

TUNSETIFF = 0x400454CA
TAP, MULTI_QUEUE, NO_PI = 0x2, 0x100, 0x1000


OPEN_AS = """
import fcntl, os, struct, sys
file, user = os.open("/dev/net/tun", os.O_RDWR), int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
try:
    fcntl.ioctl(file, 0x400454CA, struct.pack("16sH22x", b"eth0", 0x1002))
except PermissionError:
    sys.exit(7)
"""


def tap(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "tap", **keys}


def details(pod: Netns) -> dict[str, Any]:
    (link,) = pod.json("ip", "-d", "-j", "link", "show", "eth0")
    return dict(link)


@contextmanager
def opened(pod: Netns, flags: int = TAP | NO_PI) -> Iterator[int]:
    """Hold a queue of the container's eth0, as a virtual machine does."""
    file = within(pod, lambda: os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK))
    try:
        fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", b"eth0", flags))
        yield file
    finally:
        os.close(file)


@contextmanager
def machine(pod: Netns) -> Iterator[None]:
    """A machine on the other end that says yes to any ARP request and to any ping."""
    over = False

    def live(file: int) -> None:
        while not over:
            frame = read(file)
            if frame[12:14] == b"\x08\x06":
                arp = frame[14:]
                answer = arp[:6] + b"\0\2" + MACHINE + arp[24:28] + arp[8:14] + arp[14:18]
                os.write(file, arp[8:14] + MACHINE + b"\x08\x06" + answer)
            elif frame[12:14] == b"\x08\x00" and frame[34:35] == b"\x08":
                # Type 0 in place of 8: the sum over all grows by what the type shrinks.
                total = struct.unpack("!H", frame[36:38])[0] + 0x0800
                checked = struct.pack("!H", (total & 0xFFFF) + (total >> 16))
                ip = frame[14:26] + frame[30:34] + frame[26:30]
                os.write(file, frame[6:12] + MACHINE + b"\x08\x00" + ip + b"\0\0" + checked + frame[38:])

    def read(file: int) -> bytes:
        try:
            return os.read(file, 2000)
        except BlockingIOError:
            select.select([file], [], [], 0.05)
            return b""

    with opened(pod) as file:
        thread = Thread(target=live, args=(file,))
        thread.start()
        try:
            yield
        finally:
            over = True
            thread.join()


def test_a_machine_on_the_other_end_is_reached(attach, pod: Netns, ranges):
    one = attach(pod, tap(ipam=ranges("10.1.2.0/24"))).add()
    one.check()
    assert not pings(pod, "10.1.2.77", seconds=0.2)
    with machine(pod):
        until(lambda: pings(pod, "10.1.2.77"), what="a ping to the machine")
        one.check()
    one.check()  # it stays when the machine ends
    one.delete()
    assert pod.links() == []


def test_it_is_what_was_asked_for(attach, pod: Netns):
    conf = tap(multiQueue=True, owner=107, group=108, mtu=1400, mac=MAC)
    one = attach(pod, conf).add()
    found = details(pod)
    assert one.result["interfaces"] == [{"name": "eth0", "mac": MAC, "sandbox": pod.path}]
    assert (found["mtu"], found["address"], "UP" in found["flags"]) == (1400, MAC, True)
    assert found["linkinfo"] == {
        "info_kind": "tun",
        "info_data": {
            "type": "tap", "pi": False, "vnet_hdr": True, "multi_queue": True, "numqueues": 0,
            "numdisabled": 0, "persist": True, "user": 107, "group": 108,
        },
    }  # fmt: skip
    one.check()


@pytest.mark.parametrize("queues", [True, False])
def test_several_queues_are_had_only_by_asking(attach, pod: Netns, queues: bool):
    attach(pod, tap(multiQueue=queues)).add()
    flags = TAP | NO_PI | (MULTI_QUEUE if queues else 0)
    with opened(pod, flags):
        if queues:
            with opened(pod, flags):
                assert details(pod)["linkinfo"]["info_data"]["numqueues"] == 2
        else:
            with pytest.raises(OSError, match="busy"), opened(pod, flags):
                pass


@pytest.mark.parametrize(
    ("keys", "user", "refused"),
    [
        ({"owner": 107}, 107, False),
        ({"owner": 107}, 108, True),
        ({"group": 109}, 109, False),
        ({"group": 109}, 108, True),
        ({"owner": 0xFFFFFFFE}, 0xFFFFFFFE, False),
    ],
    ids=["the owner", "not the owner", "one of the group", "not one of the group", "the greatest number"],
)
def test_whoever_may_open_it_does_without_being_root(
    attach, pod: Netns, keys: dict[str, int], user: int, refused: bool
):
    attach(pod, tap(**keys)).add()
    done = pod.run(sys.executable, "-c", OPEN_AS, str(user), check=False)
    assert done.returncode == (7 if refused else 0)


def test_it_becomes_a_port_of_a_bridge_in_the_container(attach, pod: Netns):
    one = attach(pod, tap(bridge="br0"))
    assert refusal(one.add) == "failed to get bridge br0: Link not found"
    assert pod.links() == []
    pod.ip("link", "add", "br0", "type", "bridge")
    pod.ip("addr", "add", "10.1.2.1/24", "dev", "br0")
    pod.ip("link", "set", "br0", "up")
    one.add().check()
    with machine(pod):
        until(lambda: pings(pod, "10.1.2.77"), what="a ping by way of the bridge")
    pod.ip("link", "set", "eth0", "nomaster")
    assert refusal(one.check) == "Container interface eth0 is not a port of br0"
    one.delete()
    assert pod.links() == ["br0"]


def test_it_goes_while_a_machine_has_it_open(attach, pod: Netns):
    one = attach(pod, tap()).add()
    with opened(pod):
        one.delete()
        assert pod.links() == []


def test_addresses_of_ipv6_are_not_waited_for(attach, pod: Netns, ranges):
    """Without a carrier nobody tests them; the machine's end is there only later."""
    routes = [{"dst": "fd09::/64"}]
    one = attach(pod, tap(ipam=ranges("fd01:2::/64", routes=routes))).add()
    one.check()
    (route,) = pod.json("ip", "-6", "-j", "route", "show", "fd09::/64")
    assert (route["gateway"], route["dev"]) == ("fd01:2::1", "eth0")


def other_kind(one: Attachment) -> None:
    one.pod.ip("link", "delete", "eth0")
    one.pod.ip("link", "add", "eth0", "type", "bridge")


DAMAGES = [
    ADDRESS_REMOVED,
    MAC_CHANGED,
    Damage(
        what="it is another kind of link",
        do=other_kind,
        said="Container interface eth0 not of type tun",
    ),
    INTERFACE_REMOVED,
]


@each(*DAMAGES)
def test_damage_is_seen_and_cleared_up_after(damage: Damage, attach, pod: Netns, ranges, state: Path):
    one = attach(pod, tap(mac=MAC, ipam=ranges("10.1.2.0/24"))).add()
    is_seen_and_goes(damage, one)
    assert (pod.links(), reserved(state)) == ([], [])


def test_no_address_left_leaves_no_link(attach, pods, ranges, state: Path):
    """D-9"""
    first, second = pods(2)
    conf = tap(ipam=ranges("10.1.2.0/30"))
    attach(first, conf).add()
    assert refusal(attach(second, conf, "c2").add) == (
        "[host-local]: failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.2"
    )
    assert (second.links(), reserved(state)) == ([], ["10.1.2.2"])


def test_an_interface_that_is_there_is_not_taken_over(attach, pod: Netns):
    """A persistent tap least of all: to ask for one by its name is to open it."""
    pod.ip("tuntap", "add", "mode", "tap", "name", "eth0")
    one = attach(pod, tap(mtu=1400))
    assert refusal(one.add) == "there is an interface 'eth0' already"
    assert details(pod)["mtu"] == 1500


def test_a_user_that_can_not_be_leaves_nothing(attach, pod: Netns):
    one = attach(pod, tap(owner=0xFFFFFFFF))
    assert refusal(one.add) == "could not give eth0 to user 4294967295: Invalid argument"
    assert pod.links() == []


def test_an_mtu_that_can_not_be_leaves_nothing(attach, pod: Netns):
    one = attach(pod, tap(mtu=67))
    assert (
        refusal(one.add)
        == "could not set mtu, MAC and group of eth0: Invalid argument (mtu less than device minimum)"
    )
    assert pod.links() == []


def test_a_context_takes_selinux(attach, pod: Netns):
    """Which the kernel of these tests has not."""
    one = attach(pod, tap(selinuxContext="system_u:system_r:container_t:s0"))
    assert refusal(one.add) == (
        "could not make tap eth0 as system_u:system_r:container_t:s0: "
        "runcon: runcon may be used only on a SELinux kernel"
    )
    assert pod.links() == []


def test_a_program_in_that_context_makes_the_tap(
    attach, pod: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What stands for `runcon` here notes the context, and runs the rest as `runcon` does."""
    program = tmp_path / "runcon"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -- ] || exit 1\necho "$2" > {tmp_path}/context\nshift 2\nexec "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    context = "system_u:system_r:container_t:s0:c1,c2"
    one = attach(
        pod, tap(selinuxContext=context, multiQueue=True, owner=107, group=108, mac=MAC, mtu=1400)
    ).add()
    assert (tmp_path / "context").read_text() == f"{context}\n"
    found = details(pod)
    assert (found["mtu"], found["address"]) == (1400, MAC)
    data = found["linkinfo"]["info_data"]
    assert (data["multi_queue"], data["persist"], data["user"], data["group"]) == (True, True, 107, 108)
    one.check()
    one.delete()
    assert refusal(attach(pod, tap(selinuxContext=context, mtu=67)).add).startswith("could not set mtu")
    assert pod.links() == []


def test_gc_frees_what_is_no_longer_attached(attach, pods, ranges, state: Path):
    """D-19"""
    first, second = pods(2)
    conf = tap(ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add()
    kept = attach(second, conf, "c2").add()
    kept.gc(("c2", "eth0"))
    assert reserved(state) == [kept.address]
