"""Addresses on the real kernel."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest

from multinet.cni.types import CIDR
from multinet.errors import Exists, KernelError, NotFound
from multinet.kernel import addresses, links
from multinet.kernel.addresses import SCOPE_HOST, SCOPE_LINK, SCOPE_UNIVERSE
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns
from tests.support.wait import until

pytestmark = pytest.mark.kernel

V4, V6 = ip_interface("10.1.2.3/24"), ip_interface("fd00::3/64")


def test_an_address_is_there_with_its_broadcast(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    near = veth[0]
    pod_ns.rtnl.batch([addresses.add(near, V4), addresses.add(near, ip_interface("10.7.0.1/31"))])
    shown = pod.json("ip", "-j", "addr", "show", "dev", "eth0")[0]["addr_info"]
    assert [(one["local"], one["prefixlen"], one.get("broadcast"), one["scope"]) for one in shown] == [
        ("10.1.2.3", 24, "10.1.2.255", "global"),
        ("10.7.0.1", 31, None, "global"),
    ]


def test_addresses_are_listed_by_link_and_family(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    near, net = veth[0], pod_ns.rtnl
    lo = links.get(net, "lo")
    net.batch([links.set_up(lo), addresses.add(near, V4), addresses.add(near, V6, nodad=True)])
    everything = {(a.index, str(a.address), a.scope) for a in addresses.dump(net)}
    assert everything == {
        (lo.index, "127.0.0.1/8", SCOPE_HOST),
        (lo.index, "::1/128", SCOPE_HOST),
        (near.index, "10.1.2.3/24", SCOPE_UNIVERSE),
        (near.index, "fd00::3/64", SCOPE_UNIVERSE),
    }
    assert [a.address for a in addresses.dump(net, near.index)] == [V4, V6]
    assert [a.address for a in addresses.dump(net, near.index, 6)] == [V6]
    assert [str(a.address) for a in addresses.dump(net, family=4)] == ["127.0.0.1/8", "10.1.2.3/24"]


def test_link_local_addresses_are_told_by_their_scope(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    pod_ns.rtnl.request(links.set_up(veth[0]))
    (held,) = until(lambda: addresses.dump(pod_ns.rtnl, veth[0].index, 6))
    assert held.address.ip.is_link_local
    assert held.scope == SCOPE_LINK


def test_an_address_of_a_pair_is_our_end_of_it(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    pod.ip("addr", "add", "10.1.2.3", "peer", "10.9.9.9/32", "dev", "eth0")
    assert [str(a.address) for a in addresses.dump(pod_ns.rtnl, family=4)] == ["10.1.2.3/32"]


def test_no_address_is_no_error(pod_ns: Namespace) -> None:
    assert addresses.dump(pod_ns.rtnl) == []


@pytest.mark.parametrize("address", [V4, V6])
def test_an_address_that_is_there_is_refused(
    address: CIDR, veth: tuple[Link, Link], pod_ns: Namespace
) -> None:
    pod_ns.rtnl.request(addresses.add(veth[0], address))
    with pytest.raises(Exists, match=f"^could not add {address} to eth0: File exists"):
        pod_ns.rtnl.request(addresses.add(veth[0], address))


@pytest.mark.parametrize("address", [V4, V6])
def test_a_deleted_address_is_gone_and_the_second_time_not_found(
    address: CIDR, veth: tuple[Link, Link], pod_ns: Namespace
) -> None:
    pod_ns.rtnl.request(addresses.add(veth[0], address))
    pod_ns.rtnl.request(addresses.delete(veth[0], address))
    assert addresses.dump(pod_ns.rtnl) == []
    with pytest.raises(NotFound, match=f"could not delete {address} from eth0"):
        pod_ns.rtnl.request(addresses.delete(veth[0], address))


def test_an_address_for_a_link_that_is_gone_is_not_found(pod_ns: Namespace) -> None:
    with pytest.raises(
        NotFound, match=r"could not add 10\.1\.2\.3/24 to the link with index 99: No such device"
    ):
        pod_ns.rtnl.request(addresses.add(99, V4))


# Settling


def test_settling_waits_for_duplicate_address_detection(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    near, net = veth[0], pod_ns.rtnl
    net.batch([links.set_up(near), addresses.add(near, V6)])
    assert any(a.tentative for a in addresses.dump(net, near.index, 6))
    addresses.settle(net, near.index)
    assert not any(a.tentative for a in addresses.dump(net, near.index, 6))


def test_settling_without_addresses_is_done_at_once(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    addresses.settle(pod_ns.rtnl, veth[0].index, timeout_seconds=-1)


def test_an_address_that_somebody_has_is_an_error(
    veth: tuple[Link, Link], host: Netns, pod_ns: Namespace
) -> None:
    host.ip("addr", "add", "fd00::3/64", "dev", "vethhost", "nodad")
    near, net = veth[0], pod_ns.rtnl
    net.batch([links.set_up(near), addresses.add(near, V6)])
    with pytest.raises(KernelError) as failure:
        addresses.settle(net, near.index)
    assert str(failure.value) == (
        "link eth0 has address fd00::3 in DADFAILED state (somebody else on that network has this address)"
    )


def test_what_takes_too_long_is_an_error_on_a_link_that_is_up(
    veth: tuple[Link, Link], pod_ns: Namespace
) -> None:
    near, net = veth[0], pod_ns.rtnl
    pod_ns.write_sysctl("net/ipv6/conf/eth0/dad_transmits", "30")
    net.batch([links.set_up(near), addresses.add(near, V6)])
    until(lambda: links.get(net, "eth0").operstate == links.OPER_UP)
    with pytest.raises(KernelError) as failure:
        addresses.settle(net, near.index, timeout_seconds=0)
    assert str(failure.value) == "link eth0 still has tentative addresses after 0 seconds"


def test_on_a_link_that_is_not_up_there_is_nothing_to_wait_for(
    veth: tuple[Link, Link], pod_ns: Namespace
) -> None:
    near, net = veth[0], pod_ns.rtnl
    net.request(addresses.add(near, V6))
    assert [a.tentative for a in addresses.dump(net, near.index, 6)] == [True]
    addresses.settle(net, near.index, timeout_seconds=0)
