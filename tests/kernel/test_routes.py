"""Routes on the real kernel."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from multinet.cni.types import CIDR
from multinet.errors import Exists, KernelError, NotFound
from multinet.kernel import addresses, links, routes
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.routes import Hop, RouteEntry
from multinet.kernel.rtnl import Rtnl
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

DEFAULT_4, DEFAULT_6 = ip_interface("0.0.0.0/0"), ip_interface("::/0")
FAR_4, FAR_6 = ip_interface("10.9.0.0/16"), ip_interface("fd09::/48")
GW_4, GW_6 = ip_address("10.1.2.1"), ip_address("fd00::1")


@pytest.fixture
def near(veth: tuple[Link, Link], pod_ns: Namespace) -> Link:
    """A link with an address of each family, up."""
    link = veth[0]
    pod_ns.rtnl.batch(
        [
            addresses.add(link, ip_interface("10.1.2.3/24")),
            addresses.add(link, ip_interface("fd00::3/64"), nodad=True),
            links.set_up(link),
        ]
    )
    return link


@pytest.fixture
def net(pod_ns: Namespace) -> Rtnl:
    return pod_ns.rtnl


def shown(pod: Netns, *selection: str) -> list[dict[str, Any]]:
    return pod.json("ip", "-d", "-j", *selection)  # type: ignore[no-any-return]


def test_a_route_is_as_ip_shows_it(near: Link, pod: Netns, net: Rtnl) -> None:
    net.request(
        routes.add(
            FAR_4,
            gw=GW_4,
            oif=near,
            src=ip_address("10.1.2.3"),
            priority=50,
            table=1000,
            mtu=1300,
            advmss=1200,
        )
    )
    assert shown(pod, "route", "show", "table", "1000") == [
        {
            "type": "unicast",
            "dst": "10.9.0.0/16",
            "gateway": "10.1.2.1",
            "dev": "eth0",
            "protocol": "boot",
            "scope": "global",
            "prefsrc": "10.1.2.3",
            "metric": 50,
            "flags": [],
            "metrics": [{"mtu": 1300, "advmss": 1200}],
        }
    ]
    assert routes.dump(net, 4, 1000) == [
        RouteEntry(
            dst=FAR_4,
            gw=GW_4,
            oif=near.index,
            src=ip_address("10.1.2.3"),
            priority=50,
            table=1000,
            protocol=3,
            type=1,
            mtu=1300,
            advmss=1200,
        )
    ]


def test_a_route_over_a_link_has_no_gateway(near: Link, net: Rtnl) -> None:
    net.request(routes.add(FAR_4, oif=near, scope=routes.LINK))
    (entry,) = [entry for entry in routes.dump(net, 4, routes.MAIN) if entry.dst == FAR_4]
    assert (entry.gw, entry.oif, entry.scope, entry.is_default) == (None, near.index, routes.LINK, False)


def test_routes_are_listed_by_family_table_and_link(near: Link, pod: Netns, net: Rtnl) -> None:
    net.batch(
        [
            links.set_up(links.get(net, "lo")),
            routes.add(DEFAULT_4, gw=GW_4, oif=near),
            routes.add(DEFAULT_6, gw=GW_6, oif=near),
            routes.add(FAR_4, gw=GW_4, oif=near, table=100),
        ]
    )
    assert {str(e.dst) for e in routes.dump(net, 4, routes.MAIN)} == {"0.0.0.0/0", "10.1.2.0/24"}
    assert {str(e.dst) for e in routes.dump(net, table=100)} == {"10.9.0.0/16"}
    assert {e.dst for e in routes.dump(net, oif=near.index) if e.is_default} == {DEFAULT_4, DEFAULT_6}
    assert {e.oif for e in routes.dump(net, table=routes.LOCAL, oif=1)} == {1}
    assert {e.table for e in routes.dump(net)} == {routes.MAIN, routes.LOCAL, 100}
    assert {e.dst.version for e in routes.dump(net, 6)} == {6}


def test_a_table_without_routes_is_empty(near: Link, net: Rtnl) -> None:
    assert routes.dump(net, table=4711) == []
    assert routes.dump(net, table=47) == []


def test_an_ipv4_route_that_is_there_is_refused(near: Link, net: Rtnl) -> None:
    net.request(routes.add(FAR_4, gw=GW_4, oif=near))
    with pytest.raises(Exists) as failure:
        net.request(routes.add(FAR_4, gw=GW_4, oif=near))
    assert str(failure.value) == ("could not add route to 10.9.0.0/16 via 10.1.2.1 dev eth0: File exists")


def test_an_ipv6_route_over_another_gateway_becomes_a_further_hop(near: Link, net: Rtnl) -> None:
    other = ip_address("fd00::2")
    net.batch([routes.add(FAR_6, gw=GW_6, oif=near), routes.add(FAR_6, gw=other, oif=near)])
    (entry,) = [entry for entry in routes.dump(net, 6, routes.MAIN) if entry.dst == FAR_6]
    assert entry.hops == (Hop(gw=GW_6, oif=near.index), Hop(gw=other, oif=near.index))
    assert (entry.gateways, entry.oifs) == ((GW_6, other), (near.index, near.index))
    net.request(routes.delete(entry))
    assert FAR_6 not in [entry.dst for entry in routes.dump(net, 6, routes.MAIN)]


def test_an_ipv4_multipath_route_is_read_and_deleted_whole(near: Link, pod: Netns, net: Rtnl) -> None:
    hops = ["nexthop", "via", "10.1.2.1", "nexthop", "via", "10.1.2.2"]
    pod.ip("route", "add", "10.9.0.0/16", *hops)
    (entry,) = [entry for entry in routes.dump(net, 4, oif=near.index) if entry.dst == FAR_4]
    assert entry.gateways == (GW_4, ip_address("10.1.2.2"))
    net.request(routes.delete(entry))
    assert FAR_4 not in [entry.dst for entry in routes.dump(net, 4)]


def test_a_gateway_of_the_other_family_is_read(near: Link, pod: Netns, net: Rtnl) -> None:
    pod.ip("route", "add", "10.9.0.0/16", "via", "inet6", "fd00::1", "dev", "eth0")
    (entry,) = [entry for entry in routes.dump(net, 4, routes.MAIN) if entry.dst == FAR_4]
    assert entry.gw == GW_6


def test_replacing_takes_the_place_of_what_is_there(near: Link, net: Rtnl) -> None:
    other = ip_address("10.1.2.2")
    net.batch([routes.add(FAR_4, gw=GW_4, oif=near), routes.add(FAR_4, gw=other, oif=near, replace=True)])
    assert [entry.gw for entry in routes.dump(net, 4, routes.MAIN) if entry.dst == FAR_4] == [other]


REFUSALS = {
    "could not add route to 10.9.1.1/16 via 10.1.2.1 dev eth0: Invalid argument "
    "(Invalid prefix for given prefix length)": (ip_interface("10.9.1.1/16"), GW_4),
    "could not add route to 10.9.0.0/16 via 99.1.1.1 dev eth0: Network is unreachable "
    "(Nexthop has invalid gateway)": (FAR_4, ip_address("99.1.1.1")),
    "could not add route to fd09::/48 via fd00::3 dev eth0: Invalid argument "
    "(Gateway can not be a local address)": (FAR_6, ip_address("fd00::3")),
}


@pytest.mark.parametrize("sentence", REFUSALS)
def test_a_refusal_is_a_sentence(sentence: str, near: Link, net: Rtnl) -> None:
    dst, gateway = REFUSALS[sentence]
    with pytest.raises(KernelError) as failure:
        net.request(routes.add(dst, gw=gateway, oif=near))
    assert str(failure.value) == sentence


def test_every_listed_route_can_be_deleted_by_what_is_listed(near: Link, net: Rtnl) -> None:
    net.batch(
        [
            routes.add(DEFAULT_4, gw=GW_4, oif=near),
            routes.add(DEFAULT_6, gw=GW_6, oif=near, priority=7),
            routes.add(FAR_4, gw=GW_4, oif=near, table=1000, mtu=1300),
            routes.add(FAR_4, oif=near, scope=routes.LINK, src=ip_address("10.1.2.3")),
            routes.add(FAR_6, gw=GW_6, oif=near, table=100),
        ]
    )
    for table in (routes.MAIN, 100, 1000):
        for entry in routes.dump(net, table=table, oif=near.index):
            net.request(routes.delete(entry))
        assert routes.dump(net, table=table) == []


def test_deleting_by_destination_alone_finds_any_scope_and_maker(near: Link, net: Rtnl) -> None:
    subnet = ip_interface("10.1.2.0/24")
    net.request(routes.delete(RouteEntry(dst=subnet, oif=near.index, scope=routes.NOWHERE)))
    assert subnet not in [entry.dst for entry in routes.dump(net, 4, routes.MAIN)]


@pytest.mark.parametrize("dst", [FAR_4, FAR_6])
def test_deleting_what_is_not_there_is_not_found(dst: CIDR, near: Link, net: Rtnl) -> None:
    with pytest.raises(NotFound, match=f"could not delete route to {dst}: No such process"):
        net.request(routes.delete(RouteEntry(dst=dst, oif=near.index)))


def test_the_default_link_is_that_of_ipv4_before_ipv6(
    near: Link, pod: Netns, net: Rtnl, host_ns: Namespace
) -> None:
    assert routes.default_link(net) is None
    other = links.create_veth(net, "eth1", "vethhost1", peer_ns_fd=host_ns.fd)
    net.batch([links.set_up(other), routes.add(DEFAULT_6, gw=GW_6, oif=near)])
    pod.ip("route", "add", "default", "dev", "eth1", "table", "100")
    pod.ip("route", "add", "unreachable", "default", "metric", "4000")
    assert routes.default_link(net) == near.index
    net.request(routes.add(DEFAULT_4, oif=other))
    assert routes.default_link(net) == other.index


def test_routes_to_a_network_are_those_of_the_whole_list(near: Link, net: Rtnl) -> None:
    net.batch(
        [
            routes.add(DEFAULT_4, gw=GW_4, oif=near),
            routes.add(DEFAULT_6, gw=GW_6, oif=near),
            routes.add(FAR_4, gw=GW_4, oif=near),
            routes.add(ip_interface("10.9.0.0/24"), gw=GW_4, oif=near),
            routes.add(FAR_4, gw=GW_4, oif=near, table=1000),
            routes.add(FAR_6, gw=GW_6, oif=near),
        ]
    )
    everything = routes.dump(net)
    networks = {entry.dst.network for entry in everything}
    assert len(networks) >= 6
    for network in networks:
        assert routes.dump(net, to=network) == [one for one in everything if one.dst.network == network]
    assert routes.dump(net, to=ip_interface("10.0.0.0/8").network) == []
