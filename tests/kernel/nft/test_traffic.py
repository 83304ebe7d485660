"""Masquerading seen from outside: whose address does a datagram come from?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_interface

import pytest

from multinet.kernel import masquerade
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns
from tests.support.wait import until

pytestmark = pytest.mark.kernel

NAMES = {"network": "net-a", "container_id": "0ab5", "ifname": "eth0"}
POD, POD6 = "10.1.2.3/24", "fd00:1::3/64"


class Outside:
    """A datagram from the pod to ``address``, and the address that its receiver sees."""

    def __init__(self, stack: ExitStack, pod: Netns, outside: Netns) -> None:
        self._stack, self._pod, self._outside = stack, pod, outside

    def sees(self, address: str) -> str:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sender, receiver = (self._socket(where, family) for where in (self._pod, self._outside))
        receiver.bind((address, 0))

        def arrived() -> str:
            sender.sendto(b"hello", receiver.getsockname()[:2])
            try:
                return str(receiver.recvfrom(100)[1][0])
            except TimeoutError:
                return ""

        return until(arrived, what=f"a datagram to {address}")

    def _socket(self, where: Netns, family: int) -> socket.socket:
        with Namespace.open(where.path) as namespace:
            made = namespace.visit(lambda: socket.socket(family, socket.SOCK_DGRAM))
        made.settimeout(0.2)
        self._stack.callback(made.close)
        return made


@pytest.fixture
def outer(host: Netns, pod: Netns, netns) -> Iterator[Outside]:
    """pod 10.1.2.3 - 10.1.2.1 host 192.0.2.1 - 192.0.2.2 outside, which is 10.1.2.200 as well. It has a way back to
    the pod, so that what is not masqueraded arrives, too."""
    there = netns("outside")
    for near, where, far in (("to-pod", pod, "eth0"), ("to-outside", there, "eth0")):
        host.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", where.name)
        host.ip("link", "set", near, "up")
        where.ip("link", "set", far, "up")
    for where, link, addresses in (
        (host, "to-pod", ("10.1.2.1/24", "fd00:1::1/64")),
        (host, "to-outside", ("192.0.2.1/24", "2001:db8::1/64")),
        (pod, "eth0", (POD, POD6)),
        (there, "eth0", ("192.0.2.2/24", "2001:db8::2/64", "10.1.2.200/32", "fd00:1::200/128")),
    ):
        for address in addresses:
            where.ip("addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))
    for where, gateways in ((pod, ("10.1.2.1", "fd00:1::1")), (there, ("192.0.2.1", "2001:db8::1"))):
        for gateway in gateways:
            where.ip("route", "add", "default", "via", gateway)
    pod.ip("route", "add", "10.1.2.200/32", "via", "10.1.2.1")
    pod.ip("route", "add", "fd00:1::200/128", "via", "fd00:1::1")
    host.ip("route", "add", "10.1.2.200/32", "via", "192.0.2.2")
    host.ip("route", "add", "fd00:1::200/128", "via", "2001:db8::2")
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        host.run("tee", f"/proc/sys/{name}", input="1")
    with ExitStack() as stack:
        yield Outside(stack, pod, there)


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_what_leaves_the_subnet_comes_from_the_node_and_what_stays_comes_from_the_pod(
    home, outer: Outside, backend
):
    assert outer.sees("192.0.2.2") == "10.1.2.3"
    masquerade.setup(home, backend=backend, addresses=[ip_interface(POD), ip_interface(POD6)], **NAMES)
    assert outer.sees("192.0.2.2") == "192.0.2.1"
    assert outer.sees("2001:db8::2") == "2001:db8::1"
    assert outer.sees("10.1.2.200") == "10.1.2.3"
    assert outer.sees("fd00:1::200") == "fd00:1::3"
    masquerade.teardown(home, sandbox=None, **NAMES)
    assert outer.sees("192.0.2.2") == "10.1.2.3"
    assert outer.sees("2001:db8::2") == "fd00:1::3"


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_the_subnets_of_several_addresses_are_all_left_alone(home, pod: Netns, outer: Outside, backend):
    """With iptables, the reference masquerades what the second address sends within its own subnet."""
    pod.ip("addr", "flush", "dev", "eth0", "scope", "global")
    for address in ("172.16.0.3/24", POD):
        pod.ip("addr", "add", address, "dev", "eth0")
    pod.ip("route", "add", "default", "via", "10.1.2.1", "src", "10.1.2.3")
    pod.ip("route", "add", "10.1.2.200/32", "via", "10.1.2.1", "src", "10.1.2.3")
    addresses = [ip_interface("172.16.0.3/24"), ip_interface(POD)]
    masquerade.setup(home, backend=backend, addresses=addresses, **NAMES)
    assert outer.sees("10.1.2.200") == "10.1.2.3"
    assert outer.sees("192.0.2.2") == "192.0.2.1"
