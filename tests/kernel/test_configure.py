"""A result's addresses and routes, put on an interface."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from multinet.cni.types import Address, Interface, Result, Route
from multinet.errors import Exists, InvalidConfig, KernelError, NotFound
from multinet.kernel import links
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

QUIET = [
    ("net/ipv6/conf/eth0/accept_dad", "0"),
    ("net/ipv4/conf/eth0/arp_notify", "1"),
    ("net/ipv4/conf/nowhere/arp_notify", "1"),
]
V4 = Address(address=ip_interface("10.1.2.3/24"), gateway=ip_address("10.1.2.1"), interface=0)
V6 = Address(address=ip_interface("fd00::3/64"), gateway=ip_address("fd00::1"), interface=0)


def result(*ips: Address, routes: tuple[Route, ...] = ()) -> Result:
    return Result(interfaces=(Interface(name="eth0"), Interface(name="vethhost")), ips=ips, routes=routes)


def route(dst: str, gw: str = "", **more: int) -> Route:
    return Route(dst=ip_interface(dst), gw=ip_address(gw) if gw else None, **more)


def routes_of(pod: Netns) -> set[str]:
    """``10.9.0.0/16 via 10.1.2.1`` of all routes, of both families, that the kernel did not make by itself."""
    return {
        f"{entry['dst']} via {entry.get('gateway', 'none')}"
        for entry in pod.json("ip", "-j", "route", "show", "table", "all", "proto", "boot")
    }


def test_dual_stack_with_default_routes(veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace) -> None:
    configure_interface(
        pod_ns, "eth0", result(V4, V6, routes=(route("0.0.0.0/0"), route("::/0"))), sysctls=QUIET
    )
    assert pod.addresses("eth0") == ["10.1.2.3/24", "fd00::3/64"]
    assert routes_of(pod) == {"default via 10.1.2.1", "default via fd00::1"}
    assert links.get(pod_ns.rtnl, "eth0").up
    assert pod.sysctl("net/ipv6/conf/eth0/accept_dad") == "0"
    assert pod.sysctl("net/ipv6/conf/eth0/keep_addr_on_down") == "1"
    assert pod.sysctl("net/ipv4/conf/eth0/arp_notify") == "1"


def test_without_ipv6_addresses_its_settings_are_left_alone(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    pod_ns.write_sysctl("net/ipv6/conf/eth0/disable_ipv6", "1")
    configure_interface(pod_ns, "eth0", result(V4))
    assert pod.sysctl("net/ipv6/conf/eth0/disable_ipv6") == "1"
    assert pod.sysctl("net/ipv6/conf/eth0/keep_addr_on_down") == "0"


def test_ipv6_is_enabled_where_a_runtime_disabled_it(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    pod_ns.write_sysctls([(f"net/ipv6/conf/{name}/disable_ipv6", "1") for name in ("all", "lo", "eth0")])
    configure_interface(pod_ns, "eth0", result(V6), sysctls=QUIET)
    assert pod.addresses("eth0") == ["fd00::3/64"]
    assert [pod.sysctl(f"net/ipv6/conf/{name}/disable_ipv6") for name in ("lo", "eth0")] == ["0", "0"]


def test_with_an_ipv6_gateway_addresses_are_settled_when_it_returns(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    configure_interface(pod_ns, "eth0", result(V6, routes=(route("::/0"),)))
    shown = pod.json("ip", "-6", "-j", "addr", "show", "dev", "eth0")[0]["addr_info"]
    assert len(shown) == 2
    assert not any(one.get("tentative") for one in shown)


def test_an_address_that_somebody_has_fails_before_the_routes(
    veth: tuple[Link, Link], host: Netns, pod: Netns, pod_ns: Namespace
) -> None:
    host.ip("addr", "add", "fd00::3/64", "dev", "vethhost", "nodad")
    with pytest.raises(KernelError, match="link eth0 has address fd00::3 in DADFAILED state"):
        configure_interface(pod_ns, "eth0", result(V6, routes=(route("fd09::/48"),)))
    assert routes_of(pod) == set()


def test_a_route_without_a_gateway_takes_the_first_of_its_family(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    plain = Address(address=ip_interface("10.5.0.2/16"), interface=0)
    later = Address(address=ip_interface("10.6.0.2/16"), gateway=ip_address("10.6.0.1"), interface=0)
    made = (route("10.9.0.0/16"), route("10.10.0.0/16", "10.5.0.9"), route("fd09::/48"))
    no_gateway_6 = Address(address=ip_interface("fd00::3/64"), interface=0)
    configure_interface(pod_ns, "eth0", result(plain, V4, later, no_gateway_6, routes=made), sysctls=QUIET)
    assert routes_of(pod) == {
        "10.9.0.0/16 via 10.1.2.1",
        "10.10.0.0/16 via 10.5.0.9",
        "fd09::/48 via none",
    }


def test_a_route_has_all_that_it_says(veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace) -> None:
    far = route("10.9.0.0/16", mtu=1300, advmss=1200, priority=50, table=1000)
    near = route("10.1.2.1/32", "0.0.0.0", scope=253)
    configure_interface(pod_ns, "eth0", result(V4, routes=(near, far)))
    (shown,) = pod.json("ip", "-d", "-j", "route", "show", "table", "1000")
    assert (shown["gateway"], shown["metric"]) == ("10.1.2.1", 50)
    assert shown["metrics"] == [{"mtu": 1300, "advmss": 1200}]
    (shown,) = pod.json("ip", "-d", "-j", "route", "show", "exact", "10.1.2.1/32")
    assert (shown["scope"], "gateway" in shown) == ("link", False)


def test_addresses_of_no_interface_are_left_out(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    nobodys = Address(address=ip_interface("10.7.0.2/16"), gateway=ip_address("10.7.0.1"))
    configure_interface(pod_ns, "eth0", result(nobodys, V4, routes=(route("10.9.0.0/16"),)))
    assert pod.addresses("eth0") == ["10.1.2.3/24"]
    assert routes_of(pod) == {"10.9.0.0/16 via 10.1.2.1"}


@pytest.mark.parametrize("index", [1, 2, -1])
def test_an_address_of_another_interface_is_refused_before_any_change(
    index: int, veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    other = Address(address=ip_interface("10.7.0.2/16"), interface=index)
    with pytest.raises(InvalidConfig) as failure:
        configure_interface(pod_ns, "eth0", result(V4, other), sysctls=QUIET)
    assert failure.value.message == 'failed to add IP addr 10.7.0.2/16 to "eth0": invalid interface index'
    assert pod.addresses("eth0") == []
    assert pod.sysctl("net/ipv4/conf/eth0/arp_notify") == "0"


def test_a_result_without_interfaces_is_refused(pod_ns: Namespace) -> None:
    with pytest.raises(InvalidConfig, match="no interfaces to configure"):
        configure_interface(pod_ns, "eth0", Result())


def test_an_interface_that_is_not_there_is_not_found(pod_ns: Namespace) -> None:
    with pytest.raises(NotFound, match="could not find link eth0"):
        configure_interface(pod_ns, "eth0", result(V4))


def test_an_address_twice_is_refused(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    with pytest.raises(Exists, match=r"could not add 10\.1\.2\.3/24 to eth0: File exists"):
        configure_interface(pod_ns, "eth0", result(V4, V4))


def test_without_ipv6_in_the_kernel_an_ipv6_address_is_refused(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    pod.ip("link", "set", "eth0", "mtu", "1000")  # below IPv6's minimum: it gives up the link
    with pytest.raises(NotFound) as failure:
        configure_interface(pod_ns, "eth0", result(V6))
    assert str(failure.value) == (
        "could not set sysctl net/ipv6/conf/eth0/keep_addr_on_down to '1': No such file or directory"
    )


def test_each_change_is_announced(veth: tuple[Link, Link], pod_ns: Namespace, heard: list[str]) -> None:
    wanted = result(V4, V6, routes=(route("0.0.0.0/0"), route("::/0")))
    configure_interface(pod_ns, "eth0", wanted, link=veth[0], sysctls=QUIET[:2])
    assert heard == [
        "set sysctl net/ipv6/conf/eth0/accept_dad to '0'",
        "set sysctl net/ipv4/conf/eth0/arp_notify to '1'",
        "set sysctl net/ipv6/conf/eth0/keep_addr_on_down to '1'",
        "add 10.1.2.3/24 to eth0",
        "add fd00::3/64 to eth0",
        "set eth0 up",
        "add route to 0.0.0.0/0 via 10.1.2.1 dev eth0",
        "add route to ::/0 via fd00::1 dev eth0",
    ]
