"""The life of a lease in a real pod, with dnsmasq and with the small server of the tests: both must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.dhcp import packet
from delegates.ipam.dhcp.packet import Kind
from tests.support import dhcp
from tests.support.dhcp import ADDRESS, Server, seconds
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel

ROUTES = bytes((24, 10, 77, 0, 10, 66, 0, 1, 0, 10, 66, 0, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a server, whichever, knows."""

    leases: Callable[[], list[tuple[str, str]]]
    """(address, host name)"""
    renewals: Callable[[], int]


@contextmanager
def by_dnsmasq(host: Netns, device: str, folder: Path) -> Iterator[Seen]:
    options = (
        "--dhcp-option=58,2",  # less, and dnsmasq's own jitter makes a minute of it
        "--dhcp-option=59,5",
        "--dhcp-option=6,10.66.0.53",
        "--dhcp-option=15,office.example",
        "--dhcp-option=121,10.77.0.0/24,10.66.0.1,0.0.0.0/0,10.66.0.1",
    )
    with dhcp.dnsmasq(host, device, folder, *options) as running:
        yield Seen(
            leases=lambda: [(lease[2], lease[3]) for lease in running.leases()],
            renewals=lambda: running.log.count("DHCPACK(") - 1,
        )


@contextmanager
def by_ours(host: Netns, device: str, folder: Path) -> Iterator[Seen]:
    names: dict[bytes, str] = {}
    server = Server(
        device=device,
        times={51: seconds(120), 58: seconds(1), 59: seconds(60)},
        options={6: bytes((10, 66, 0, 53)), 15: b"office.example", 121: ROUTES},
    ).start(host)

    def leases() -> list[tuple[str, str]]:
        for one in server.of(Kind.REQUEST):
            names[one.packet.options[packet.CLIENT_ID]] = one.packet.options[packet.HOST_NAME].decode()
        return [(str(address), names[client]) for client, address in server.leases.items()]

    try:
        yield Seen(leases=leases, renewals=lambda: len(server.of(Kind.REQUEST)) - 1)
    finally:
        server.stop()


def network(socket: Path, **plugin: Any) -> dict[str, Any]:
    ipam = {
        "type": "dhcp",
        "daemonSocketPath": str(socket),
        "provide": [{"option": "host-name", "value": "nobody", "fromArg": "K8S_POD_NAME"}],
        "request": [{"option": "6"}, {"option": 15}, {"option": "121"}],
        "priority": 200,
    }
    return {"cniVersion": "1.1.0", "name": "office", **plugin, "ipam": ipam}


@pytest.mark.parametrize("plugin", ["bridge", "macvlan"])
@pytest.mark.parametrize("serving", [by_dnsmasq, by_ours])
def test_a_pod_gets_an_address_keeps_it_and_gives_it_back(
    serving: Callable[..., Any],
    plugin: str,
    host: Netns,
    pod: Netns,
    leases: Path,
    tmp_path: Path,
    attach: Callable[..., Attachment],
):
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    host.ip("link", "set", "up0", "up")
    host.ip("link", "set", "up1", "up")
    conf = {"type": "macvlan", "master": "up0"}
    device = "up1"
    if plugin == "bridge":
        host.ip("link", "add", "br0", "type", "bridge")
        host.ip("link", "set", "br0", "up")
        conf, device = {"type": "bridge", "bridge": "br0"}, "br0"
    host.ip("addr", "add", str(ADDRESS), "dev", device)

    with serving(host, device, tmp_path / "server") as seen:
        one = attach(
            pod, network(leases / "dhcp.sock", **conf), args="IgnoreUnknown=1;K8S_POD_NAME=cart-0"
        ).add()
        ((address, name),) = seen.leases()
        assert name == "cart-0"
        (ip,) = one.result["ips"]
        assert (ip["address"], ip["gateway"]) == (f"{address}/24", "10.66.0.1")
        assert one.result["routes"] == [
            {"dst": "10.77.0.0/24", "gw": "10.66.0.1", "priority": 200},
            {"dst": "0.0.0.0/0", "gw": "10.66.0.1", "priority": 200},
        ]
        assert one.result["dns"] == {"nameservers": ["10.66.0.53"], "domain": "office.example"}
        assert pod.addresses("eth0") == [f"{address}/24"]
        assert pings(pod, "10.66.0.1")
        until(lambda: seen.renewals() >= 1, seconds=10, what="a renewal")
        one.check()
        assert [found for found, _ in seen.leases()] == [address]
        one.delete()
        until(lambda: not seen.leases(), what="the lease to be given back")
        assert pod.links() == []
        one.delete()


@pytest.mark.uml
def test_on_ipvlan_a_server_is_asked_to_answer_to_everybody(
    host: Netns, netns: Callable[..., Netns], leases: Path, tmp_path: Path, attach: Callable[..., Attachment]
):
    """Pods share a MAC there, and before one has its address only a broadcast reaches it."""
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    host.ip("link", "set", "up0", "up")
    host.ip("link", "set", "up1", "up")
    host.ip("addr", "add", str(ADDRESS), "dev", "up1")
    conf = network(leases / "dhcp.sock", type="ipvlan", master="up0")
    with dhcp.dnsmasq(host, "up1", tmp_path / "server") as running:
        pods = [netns("one"), netns("two")]
        both = [attach(pod, conf, container=pod.name).add() for pod in pods]
        assert len({one.address for one in both}) == 2
        assert all(pings(pod, "10.66.0.1") for pod in pods)
        for one in both:
            one.delete()
        until(lambda: not running.leases(), what="both leases to be given back")


def test_a_server_that_answers_only_broadcasts_is_asked_by_one(
    host: Netns,
    pod: Netns,
    wire: str,
    leases: Path,
    server: Callable[..., Server],
    attach: Callable[..., Attachment],
):
    """At T1 the server alone is asked; at T2 everybody."""
    running = server(
        wire,
        times={51: seconds(60), 58: seconds(1), 59: seconds(2)},
        silent=lambda heard: heard.kind is Kind.REQUEST and heard.unicast,
    )
    one = attach(pod, network(leases / "dhcp.sock", type="dhcp")).add()
    pod.ip("addr", "add", one.addresses[0], "dev", "eth0")
    until(lambda: len(running.of(Kind.REQUEST)) >= 4, seconds=10, what="another renewal after the rebinding")
    selecting, renewing, rebinding, again = running.of(Kind.REQUEST)[:4]
    assert [one.unicast for one in (selecting, renewing, rebinding, again)] == [False, True, False, True]
    assert (renewing.source, renewing.target) == (one.address, "10.66.0.1")
    assert (rebinding.source, rebinding.target) == (one.address, "255.255.255.255")
    one.check()
    one.delete()
    until(lambda: running.released, what="the release")


def test_when_no_server_renews_it_the_interface_goes_down_with_the_lease(
    pod: Netns, wire: str, leases: Path, server: Callable[..., Server], attach: Callable[..., Attachment]
):
    """The reference does so, too (RFC 2131, section 4.4.5). There, an ADD after that waits for ever (D-18)."""
    running = server(wire, times={51: seconds(4)})
    one = attach(pod, network(leases / "dhcp.sock", type="dhcp")).add()
    running.silent = lambda heard: True

    def up() -> bool:
        (link,) = pod.json("ip", "-j", "link", "show", "eth0")
        return "UP" in link["flags"]

    until(lambda: not up(), seconds=15, what="eth0 to be set down")
    assert refusal(one.check) == f"dhcp: no server renewed the lease of {one.address} in time"
    running.silent = lambda heard: False
    again = one.but(result={}).add()
    assert up()
    again.check()
    again.delete()
    assert list((leases / "leases").glob("*.json")) == []


def test_where_nobody_answers_the_add_fails_in_time(
    host: Netns, pod: Netns, wire: str, tmp_path: Path, attach: Callable[..., Attachment]
):
    with dhcp.running_daemon(host, tmp_path / "dhcp", "--resendtimeout=800ms"):
        one = attach(pod, network(tmp_path / "dhcp" / "dhcp.sock", type="dhcp"))
        assert refusal(one.add) == "no lease for eth0: no DHCP server answered in time"
        assert refusal(one.check) == "dhcp: no lease of c1/office/eth0 is known"
        one.delete()


def test_gc_gives_back_what_no_container_has_any_more(
    pod: Netns, wire: str, leases: Path, server: Callable[..., Server], attach: Callable[..., Attachment]
):
    running = server(wire)
    conf = network(leases / "dhcp.sock", type="dhcp")
    kept, gone = (attach(pod, conf, container=name).add() for name in ("kept", "gone"))
    other = attach(pod, {**conf, "name": "another"}, container="gone").add()
    kept.gc(("kept", "eth0"))
    until(lambda: [str(one) for one in running.released] == [gone.address], what="the one release")
    kept.check()
    other.check()
    assert refusal(gone.check) == "dhcp: no lease of gone/office/eth0 is known"
    for one in (kept, other):
        one.delete()


def test_without_its_daemon_only_what_needs_it_fails(
    host: Netns, pod: Netns, lan: str, tmp_path: Path, attach: Callable[..., Attachment]
):
    """D-13, D-18: DEL is success, and leaves nothing but what the daemon will find when it starts."""
    path = tmp_path / "dhcp.sock"
    one = attach(pod, network(path, type="bridge", bridge="br0"))
    away = f"[dhcp]: could not reach the DHCP daemon at {path}: No such file or directory"
    assert refusal(one.add) == away
    assert refusal(lambda: one.call("STATUS", {})) == away
    assert pod.links() == []
    one.delete()
    one.gc()
