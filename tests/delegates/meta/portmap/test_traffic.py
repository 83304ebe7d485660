"""Mapped ports, used from outside, from the host and from the pod itself, over both backends and both families."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.delegates.meta.portmap.conftest import POD, Mapped, Neighbourhood
from tests.delegates.meta.portmap.rules import flush, left
from tests.delegates.meta.portmap.talking import Sockets, echoes
from tests.support.netns import Netns
from tests.support.plugins import Attachment
from tests.support.wait import until

pytestmark = pytest.mark.kernel

Attach = Callable[..., Attachment]

both = pytest.mark.parametrize("backend", ["iptables", "nftables"])

HOST = {4: "192.0.2.1", 6: "2001:db8::1"}
OTHER = {4: "198.51.100.1", 6: "2001:db8:1::1"}
CLIENT = {4: "192.0.2.9", 6: "2001:db8::9"}
GATEWAY = {4: "10.1.2.1", 6: "fd01:2::1"}


@both
def test_a_port_of_the_host_leads_to_the_pod(
    backend: str, around: Neighbourhood, below: Attachment, mapped: Mapped, sockets: Sockets
):
    """Who comes from outside is seen as who they are; the pod itself and the loopback address are masqueraded."""
    one = mapped(below, backend, "8080:80/tcp").add()
    one.check()
    for version in (4, 6):
        server = sockets.tcp_server(below.pod, 80, version)
        for address in (HOST[version], OTHER[version]):
            assert sockets.who_comes(server, around.client, address, 8080) == CLIENT[version]
        assert sockets.who_comes(server, around.host, HOST[version], 8080) == HOST[version]
        assert sockets.who_comes(server, below.pod, HOST[version], 8080) == GATEWAY[version]
        if version == 4:
            assert sockets.who_comes(server, around.host, "127.0.0.1", 8080) == GATEWAY[version]
    one.delete()
    for version in (4, 6):
        assert not sockets.reached(around.client, HOST[version], 8080)
    assert left(around.host, "c1") == []


@both
def test_a_host_address_narrows_it_down(
    backend: str, around: Neighbourhood, below: Attachment, mapped: Mapped, sockets: Sockets
):
    ports = [
        "192.0.2.1:8001:80/tcp", "0.0.0.0:8002:80/tcp", "127.0.0.1:8003:80/tcp",
        "[2001:db8::1]:8001:80/tcp", "[::]:8002:80/tcp",
    ]  # fmt: skip
    mapped(below, backend, *ports).add().check()
    client = around.client
    server = {version: sockets.tcp_server(below.pod, 80, version) for version in (4, 6)}
    for version in (4, 6):
        assert sockets.who_comes(server[version], client, HOST[version], 8001) == CLIENT[version]
        assert not sockets.reached(client, OTHER[version], 8001)
        assert sockets.who_comes(server[version], client, OTHER[version], 8002) == CLIENT[version]
        assert not sockets.reached(client, HOST[version], 8003)
    assert sockets.who_comes(server[4], around.host, "127.0.0.1", 8003) == GATEWAY[4]


@both
def test_without_snat_nothing_is_masqueraded(
    backend: str, around: Neighbourhood, below: Attachment, mapped: Mapped, sockets: Sockets
):
    mapped(below, backend, "8080:80/tcp", snat=False).add().check()
    server = sockets.tcp_server(below.pod, 80)
    assert sockets.who_comes(server, around.client, HOST[4], 8080) == CLIENT[4]
    assert not sockets.reached(below.pod, HOST[4], 8080)
    assert around.host.sysctl("net/ipv4/conf/br0/route_localnet") == "0"


@both
def test_all_that_comes_over_the_port_can_be_masqueraded(
    backend: str, around: Neighbourhood, below: Attachment, mapped: Mapped, sockets: Sockets
):
    mapped(below, backend, "8080:80/tcp", masqAll=True).add().check()
    around.client.ip("route", "add", "10.1.2.0/24", "via", HOST[4])
    server = sockets.tcp_server(below.pod, 80)
    assert sockets.who_comes(server, around.client, HOST[4], 8080) == GATEWAY[4]
    assert sockets.who_comes(server, around.client, below.address, 80) == CLIENT[4]
    assert sockets.who_comes(server, below.pod, HOST[4], 8080) == GATEWAY[4]


@both
def test_udp_that_does_not_pause_follows_the_mapping(
    backend: str, around: Neighbourhood, mapped: Mapped, sockets: Sockets, on_bridge: Attach, pods
):
    """One client, one port, and datagrams all the time: to nobody, to a pod, to the pod that replaced it."""
    first, second = (
        on_bridge(pod, *POD, container=f"c{number}", isDefaultGateway=True)
        for number, pod in enumerate(pods(2), 1)
    )
    for version in (4, 6):
        client = sockets.udp(around.client, version=version)
        servers = [sockets.udp(one.pod, 53, version) for one in (first, second)]

        def says(number: int, client=client, servers=servers, version=version) -> bool:
            return echoes(client, servers[number], HOST[version], 5300)

        assert not says(0)
        one = mapped(first, backend, "5300:53/udp").add()
        until(lambda says=says: says(0), what="an answer")
        one.delete()
        assert not says(0)
        one.add()
        until(lambda says=says: says(0), what="an answer")
        flush(around.host)  # its DEL has not come, and its rules are gone
        other = mapped(second, backend, "5300:53/udp").add()
        until(lambda says=says: says(1), what="an answer")
        other.delete()
        assert not says(1)


@both
def test_datagrams_of_others_are_let_alone(
    backend: str, around: Neighbourhood, below: Attachment, mapped: Mapped, sockets: Sockets
):
    """A pod's own questions to a server outside have the same port, and are no connections to the host."""
    server = sockets.udp(around.client, 53)
    client = sockets.udp(below.pod)
    around.client.ip("route", "add", "10.1.2.0/24", "via", HOST[4])
    mapped(below, backend, "54:54/udp").add()  # from now on connections are tracked
    until(lambda: echoes(client, server, CLIENT[4], 53), what="an answer")
    tracked = around.host.run("conntrack", "-L", "-p", "udp", "--dport", "53").stdout
    assert "dport=53" in tracked
    one = mapped(below, backend, "53:53/udp").add()
    one.delete()
    assert (
        around.host.run("conntrack", "-L", "-p", "udp", "--dport", "53").stdout.split()[4:8]
        == (tracked.split()[4:8])
    )


@both
def test_who_came_first_has_the_port_until_its_del(
    backend: str, around: Neighbourhood, mapped: Mapped, sockets: Sockets, on_bridge: Attach, pods
):
    first, second = (
        on_bridge(pod, *POD, container=f"c{number}", isDefaultGateway=True)
        for number, pod in enumerate(pods(2), 1)
    )
    servers = [sockets.tcp_server(one.pod, 80) for one in (first, second)]
    older = mapped(first, backend, "8080:80/tcp").add()
    newer = mapped(second, backend, "8080:80/tcp").add()
    assert sockets.who_comes(servers[0], around.client, HOST[4], 8080) == CLIENT[4]
    older.delete()
    newer.check()
    assert sockets.who_comes(servers[1], around.client, HOST[4], 8080) == CLIENT[4]


CONDITIONS = {
    "iptables": {"conditionsV4": ["!", "-s", "192.0.2.9"], "conditionsV6": ["-i", "nowhere0"]},
    "nftables": {"conditionsV4": ["ip saddr", "!= 192.0.2.9"], "conditionsV6": ["iifname", '"nowhere0"']},
}


@both
def test_conditions_are_for_the_pods_of_their_network(
    backend: str, around: Neighbourhood, mapped: Mapped, sockets: Sockets, on_bridge: Attach, pods
):
    """D-22: the reference's are for whoever comes after, with nftables."""
    first, second = (
        on_bridge(pod, *POD, container=f"c{number}", isDefaultGateway=True)
        for number, pod in enumerate(pods(2), 1)
    )
    server = sockets.tcp_server(first.pod, 80)
    mapped(first, backend, "8080:80/tcp").add()
    under = mapped(second, backend, "8081:80/tcp", **CONDITIONS[backend]).add()
    under.check()
    assert sockets.who_comes(server, around.client, HOST[4], 8080) == CLIENT[4]
    for version in (4, 6):
        guarded = sockets.tcp_server(second.pod, 80, version)
        assert not sockets.reached(around.client, HOST[version], 8081)
    guarded = sockets.tcp_server(second.pod, 8088)
    around.client.ip("addr", "add", "192.0.2.10/24", "dev", "eth0")
    mapped(second, backend, "8081:8088/tcp", **CONDITIONS[backend]).add()
    client = sockets.new(around.client, socket.SOCK_STREAM)
    client.bind(("192.0.2.10", 0))
    client.connect((HOST[4], 8081))
    connection, peer = guarded.accept()
    connection.close()
    assert peer[0] == "192.0.2.10"


@both
def test_sctp_is_mapped(backend: str, around: Neighbourhood, below: Attachment, mapped: Mapped, host: Netns):
    """As rules: what speaks SCTP is left out of small kernels."""
    one = mapped(below, backend, "3868:3869/sctp").add()
    one.check()
    rules = left(host, "c1" if backend == "nftables" else "CNI-DN-")
    assert any("sctp" in rule and "3868" in rule and "3869" in rule for rule in rules)
    one.delete()
    assert left(host, "c1") == []
