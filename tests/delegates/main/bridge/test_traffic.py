"""Frames and datagrams over a bridge of ours: what arrives, and what must not."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns
from tests.support.plugins import pings
from tests.support.wait import until

pytestmark = pytest.mark.kernel

EXPERIMENTAL = 0x88B5  # an EtherType for local experiments (IEEE 802)
DUAL = ("10.1.2.0/24", "fd01:2::/64")


def bridge(**keys):
    return {"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", **keys}


def test_containers_reach_one_another_and_their_gateway_by_both_families(attach, pods, ranges):
    first, second = pods(2)
    conf = bridge(isGateway=True, ipam=ranges(*DUAL))
    attach(first, conf).add()
    other = attach(second, conf, "c2").add()
    for address in (*(one.partition("/")[0] for one in other.addresses), "10.1.2.1", "fd01:2::1"):
        until(lambda address=address: pings(first, address), what=f"a ping to {address}")


def test_a_container_reaches_beyond_its_subnet_by_a_default_gateway(attach, pod, host: Netns, netns, ranges):
    beyond = netns("beyond")
    host.ip("link", "add", "out", "type", "veth", "peer", "name", "eth0", "netns", beyond.name)
    for where, link, address in ((host, "out", "192.0.2.1/24"), (beyond, "eth0", "192.0.2.2/24")):
        where.ip("addr", "add", address, "dev", link)
        where.ip("link", "set", link, "up")
    one = attach(pod, bridge(isDefaultGateway=True, ipMasq=True, ipam=ranges("10.1.2.0/24"))).add()
    until(lambda: pings(pod, "192.0.2.2"), what="a ping that is masqueraded, for there is no way back else")
    one.delete()


def test_isolated_ports_reach_the_gateway_and_ports_that_are_not_isolated_but_not_each_other(
    attach, pods, ranges
):
    first, second, third = pods(3)
    isolated = bridge(isGateway=True, portIsolation=True, ipam=ranges("10.1.2.0/24"))
    one = attach(first, isolated).add()
    other = attach(second, isolated, "c2").add()
    open_ = attach(third, {**isolated, "portIsolation": False}, "c3").add()
    for pod in (first, second):
        until(lambda pod=pod: pings(pod, "10.1.2.1") and pings(pod, open_.address), what="pings")
    assert not pings(first, other.address, seconds=0.3)
    assert not pings(second, one.address, seconds=0.3)


@pytest.mark.parametrize("hairpin", [True, False])
def test_a_frame_comes_back_by_the_port_it_came_in_by_only_in_hairpin_mode(attach, pod, hairpin):
    one = attach(pod, bridge(hairpinMode=hairpin)).add()
    (mac,) = (end["mac"] for end in one.result["interfaces"] if end.get("sandbox"))
    frame = b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) + EXPERIMENTAL.to_bytes(2, "big") + b"hello"
    with Namespace.open(pod.path) as namespace:
        wire = namespace.visit(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    with closing(wire):
        wire.bind(("eth0", EXPERIMENTAL))
        wire.settimeout(0.3)

        def returned() -> bool:
            wire.send(frame)
            try:
                return wire.recv(100)[: len(frame)] == frame
            except TimeoutError:
                return False

        if hairpin:
            until(returned, what="the frame to come back")
        else:
            assert not returned()


def test_the_mtu_holds_from_end_to_end(attach, pods, host: Netns, ranges):
    first, second = pods(2)
    conf = bridge(isGateway=True, mtu=1400, ipam=ranges(*DUAL))
    one = attach(first, conf).add()
    other = attach(second, conf, "c2").add()
    for address, largest in zip(other.addresses, (1400 - 28, 1400 - 48), strict=True):
        address = address.partition("/")[0]
        fits = ("-M", "do", "-s", str(largest))
        until(
            lambda address=address, fits=fits: pings(first, address, *fits), what=f"a full ping to {address}"
        )
        assert not pings(first, address, "-M", "do", "-s", str(largest + 1), seconds=0.3)
    mtus = {link["ifname"]: link["mtu"] for link in host.json("ip", "-j", "link")}
    assert {mtus["br0"], mtus[one.host_end], mtus[other.host_end]} == {1400}


def test_without_its_interface_up_a_container_is_not_heard(attach, pod, host: Netns):
    one = attach(pod, bridge(disableContainerInterface=True)).add()
    (end,) = pod.json("ip", "-j", "link", "show", "eth0")
    assert "UP" not in end["flags"]
    (port,) = host.json("ip", "-j", "link", "show", one.host_end)
    assert (port["master"], "LOWER_UP" in port["flags"]) == ("br0", False)
    one.check()
