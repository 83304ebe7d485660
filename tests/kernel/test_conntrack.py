"""What is forgotten is what was asked for, of the family, the protocol and the port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from multinet.kernel import conntrack
from multinet.kernel.conntrack import Connection
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Nfnetlink
from tests.support.netns import Netns
from tests.support.plugins import within

pytestmark = pytest.mark.kernel

TRACK = """table inet track { chain input { type filter hook input priority 0; ct state new counter; }; }
table ip move { chain output { type nat hook output priority -100; udp dport 99 dnat to 127.0.0.1:98; }; }
"""


@pytest.fixture
def net(host: Netns) -> Iterator[Nfnetlink]:
    host.run("nft", "-f", "-", input=TRACK)
    with Namespace.open(host.path) as home, Nfnetlink.open(home) as opened:
        yield opened


def send(host: Netns, *ports: int) -> None:
    """One datagram to each port, on 127.0.0.1 and ::1; nobody is there."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for port in ports:
            with within(host, lambda family=family: socket.socket(family, socket.SOCK_DGRAM)) as one:
                one.sendto(b"hello", (address, port))


def tracked(host: Netns, family: str) -> list[str]:
    lines = host.run("conntrack", "-L", "-f", family).stdout.splitlines()
    words = [line.split() for line in lines]
    return sorted({f"{word[0]} {next(one for one in word if one.startswith('dport='))}" for word in words})


def test_the_connections_to_a_port_are_forgotten(host: Netns, net: Nfnetlink):
    send(host, 53, 54)
    everything = ["udp dport=53", "udp dport=54"]
    assert (tracked(host, "ipv4"), tracked(host, "ipv6")) == (everything, everything)
    conntrack.forget(net, 4, [53, 53], lambda one: True)
    assert (tracked(host, "ipv4"), tracked(host, "ipv6")) == (["udp dport=54"], everything)
    conntrack.forget(net, 6, [53, 54], lambda one: one.port == 54)
    assert (tracked(host, "ipv4"), tracked(host, "ipv6")) == (["udp dport=54"], ["udp dport=53"])


def test_a_connection_tells_where_it_leads(host: Netns, net: Nfnetlink):
    seen: list[Connection] = []
    send(host, 99)
    conntrack.forget(net, 4, [99], lambda one: seen.append(one) is not None)
    (one,) = seen
    here = ip_address("127.0.0.1")
    assert (one.destination, one.port, one.answered_by, one.answering_port) == (here, 99, here, 98)
    conntrack.forget(net, 6, [99], lambda one: seen.append(one) is not None)
    assert seen[1].answering_port == 99


def test_nothing_tracked_is_fine(host: Netns, net: Nfnetlink):
    conntrack.forget(net, 4, [53], lambda one: True)
    conntrack.forget(net, 4, [], lambda one: True)
