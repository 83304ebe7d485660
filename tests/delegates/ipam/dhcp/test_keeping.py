"""Leases outlive who keeps them, and end with their container."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.dhcp import keeper as keeping
from delegates.ipam.dhcp.client import Pace
from delegates.ipam.dhcp.keeper import Keeper
from delegates.ipam.dhcp.lease import Key, Order
from delegates.ipam.dhcp.packet import Kind
from multinet.errors import AddressError, TryAgain
from multinet.kernel.namespace import Namespace
from tests.support import dhcp
from tests.support import netns as namespaces
from tests.support.dhcp import Server, seconds
from tests.support.netns import Netns
from tests.support.plugins import Attachment
from tests.support.wait import until

pytestmark = pytest.mark.kernel

OFTEN = {51: seconds(60), 58: seconds(1), 59: seconds(30)}
SOON = 5.0


def network(socket: Path) -> dict[str, Any]:
    ipam = {"type": "dhcp", "daemonSocketPath": str(socket)}
    return {"cniVersion": "1.1.0", "name": "office", "type": "dhcp", "ipam": ipam}


def order(pod: Netns, container: str = "c1") -> Order:
    (link,) = pod.json("ip", "-j", "link", "show", "eth0")
    mac = bytes.fromhex(link["address"].replace(":", ""))
    return Order(key=Key(container, "office", "eth0"), mac=mac, options={55: b"\3\1"})


@contextmanager
def keeper(folder: Path) -> Iterator[Keeper]:
    made = Keeper(folder, Pace(total=10))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def files(folder: Path) -> list[Path]:
    return list(folder.glob("*.json"))


def test_a_daemon_that_is_killed_is_followed_by_one_that_goes_on(
    host: Netns,
    pod: Netns,
    wire: str,
    tmp_path: Path,
    server: Callable[..., Server],
    attach: Callable[..., Attachment],
):
    """Between the two the DEL of one pod is success all the same."""
    running = server(wire, times=OFTEN)
    folder = tmp_path / "dhcp"
    with dhcp.running_daemon(host, folder) as first:
        one = attach(pod, network(folder / "dhcp.sock")).add()
        missed = attach(pod, network(folder / "dhcp.sock"), container="missed").add()
        first.kill()
        first.wait()
    assert len(files(folder / "leases")) == 2
    missed.delete()
    before = len(running.of(Kind.REQUEST))
    with dhcp.running_daemon(host, folder):
        until(
            lambda: len(running.of(Kind.REQUEST)) >= before + 3,
            seconds=10,
            what="renewals by the second daemon",
        )
        assert all(heard.unicast for heard in running.of(Kind.REQUEST)[before:])
        one.check()
        one.delete()
        until(lambda: len(running.released) == 1, what="the release")
        missed.delete()
        until(lambda: len(running.released) == 2, what="the other release")
    assert files(folder / "leases") == []


def test_a_keeper_that_starts_drops_what_has_no_namespace_any_more(
    pod: Netns, wire: str, tmp_path: Path, server: Callable[..., Server], netns: Callable[..., Netns]
):
    """No release can be told then: there is no interface to tell it over."""
    running = server(wire)
    with keeper(tmp_path) as first, Namespace.open(pod.path) as namespace:
        lease = first.allocate(order(pod), namespace).result(SOON)
        assert str(lease.address) == "10.66.0.10"
    assert len(files(tmp_path)) == 1
    namespaces.remove(pod)
    netns("another")
    with keeper(tmp_path) as second, pytest.raises(AddressError) as unknown:
        second.find(Key("c1", "office", "eth0")).result(SOON)
    assert unknown.value.message == "no lease of c1/office/eth0 is known"
    assert files(tmp_path) == []
    assert running.released == []


def test_a_namespace_that_goes_without_del_takes_its_lease_along(
    pod: Netns, wire: str, tmp_path: Path, server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
):
    """The keeper had held it, so here the server is told, and the namespace ends."""
    monkeypatch.setattr(keeping, "LOOK_SECONDS", 0.1)
    running = server(wire)
    with keeper(tmp_path) as made:
        with Namespace.open(pod.path) as namespace:
            made.allocate(order(pod), namespace).result(SOON)
        namespaces.remove(pod)
        until(lambda: running.released, what="the release")
        until(lambda: not files(tmp_path), what="its file to go")


def test_an_interface_that_is_made_anew_gets_a_lease_of_its_own(
    host: Netns, pod: Netns, wire: str, tmp_path: Path, server: Callable[..., Server]
):
    running = server(wire)
    with keeper(tmp_path) as made, Namespace.open(pod.path) as namespace:
        first = made.allocate(order(pod), namespace).result(SOON)
        assert made.allocate(order(pod), namespace).result(SOON) is first
        assert running.kinds() == [Kind.DISCOVER, Kind.REQUEST]
        pod.ip("link", "set", "eth0", "address", "02:00:00:00:00:77")
        second = made.allocate(order(pod), namespace).result(SOON)
        assert second is not first
        assert running.kinds() == [Kind.DISCOVER, Kind.REQUEST, Kind.RELEASE, Kind.DISCOVER, Kind.REQUEST]
        made.release(order(pod).key).result(SOON)


def test_who_hangs_up_leaves_no_lease_behind(
    host: Netns,
    pod: Netns,
    wire: str,
    leases: Path,
    server: Callable[..., Server],
    attach: Callable[..., Attachment],
):
    """A runtime kills the plugin that it waits for."""
    running = server(wire, silent=lambda heard: True)
    one = attach(pod, network(leases / "dhcp.sock"))
    with socket.socket(socket.AF_UNIX) as caller, open(pod.path) as namespace:
        caller.connect(str(leases / "dhcp.sock"))
        asked = {"do": "allocate", "order": order(pod).to_json(), "netns": pod.path}
        socket.send_fds(caller, [json.dumps(asked).encode() + b"\n"], [namespace.fileno()])
        until(lambda: running.heard, what="a DISCOVER")
    running.silent = lambda heard: False
    one.add()
    discovers = {heard.packet.xid for heard in running.of(Kind.DISCOVER)}
    assert len(discovers) == 2  # the second is begun anew
    one.delete()


def test_one_keeper_at_a_time_has_the_leases(
    pod: Netns, wire: str, tmp_path: Path, server: Callable[..., Server]
):
    """The next one waits until the first has ended, and then knows them."""
    server(wire)
    with ExitStack() as stack, Namespace.open(pod.path) as namespace:
        first = stack.enter_context(keeper(tmp_path))
        lease = first.allocate(order(pod), namespace).result(SOON)
        second = stack.enter_context(keeper(tmp_path))
        found = second.find(order(pod).key)
        assert not found.done()
        first.stop()
        assert found.result(SOON) == lease
        with pytest.raises(
            TryAgain, match=r"^the keeper of DHCP leases is stopping \(the runtime will ask again\)$"
        ):
            first.ping().result(SOON)
        second.release(order(pod).key).result(SOON)


def test_damaged_files_and_those_of_another_boot_are_dropped(tmp_path: Path):
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / "old.json").write_text('{"format": 1, "bootId": "another"}')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "deep.json").write_text("[" * 100000)
    with keeper(tmp_path) as made:
        made.ping().result(SOON)
    assert files(tmp_path) == []


MANY = 60


def test_many_leases_cost_one_thread_and_a_file_each(
    pod: Netns, wire: str, tmp_path: Path, server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
):
    """And there is a most."""
    monkeypatch.setattr(keeping, "MOST_LEASES", MANY)
    server(wire)
    threads = threading.active_count()
    with keeper(tmp_path) as made, Namespace.open(pod.path) as namespace:
        made.ping().result(SOON)
        before = len(os.listdir("/proc/self/fd"))
        asked = [made.allocate(order_of_many(number), namespace) for number in range(MANY)]
        assert len({one.result(20).address for one in asked}) == MANY
        assert threading.active_count() <= threads + 1 + keeping.CLOSERS
        assert len(files(tmp_path)) == MANY
        until(lambda: len(os.listdir("/proc/self/fd")) <= before + MANY, what="the sockets to be closed")
        with pytest.raises(AddressError, match=rf"^this node holds {MANY} DHCP leases, and takes no more$"):
            made.allocate(order_of_many(MANY), namespace).result(SOON)
        made.keep_only("office", frozenset()).result(SOON)
        until(lambda: len(os.listdir("/proc/self/fd")) == before, what="all to be closed")
    assert files(tmp_path) == []


def order_of_many(number: int) -> Order:
    mac = bytes((2, 0, 0, 0, number >> 8, number & 255))
    return Order(key=Key(f"c{number}", "office", "eth0"), mac=mac, options={55: b"\3\1"})
