"""CHECK's comparisons, with the reference's messages."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from multinet.cni.types import Address, Interface, Result, Route
from multinet.errors import CheckFailed
from multinet.kernel import routes, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.routes import RouteEntry
from tests.support.netns import Netns

WHOLE = Result(
    interfaces=(Interface(name="eth0", sandbox="/run/netns/pod"),),
    ips=(
        Address(address=ip_interface("10.1.2.3/24"), gateway=ip_address("10.1.2.1"), interface=0),
        Address(address=ip_interface("fd00::3/64"), interface=0),
        Address(address=ip_interface("10.77.0.1/32"), interface=0),
    ),
    routes=(
        Route(dst=ip_interface("0.0.0.0/0")),
        Route(dst=ip_interface("10.9.0.0/16"), gw=ip_address("10.1.2.9")),
        Route(dst=ip_interface("10.10.0.0/16"), table=1000),
        Route(dst=ip_interface("fd09::/48")),
    ),
)
SYSCTLS = [("net/ipv6/conf/eth0/accept_dad", "0")]

kernel = pytest.mark.kernel


@pytest.fixture
def added(veth: tuple[Link, Link], pod_ns: Namespace) -> Result:
    configure_interface(pod_ns, "eth0", WHOLE, sysctls=SYSCTLS)
    return WHOLE


@kernel
def test_what_was_made_is_found(added: Result, pod_ns: Namespace) -> None:
    verify.addresses(pod_ns, "eth0", added)
    verify.routes(pod_ns, added)
    assert verify.container_link(pod_ns, "eth0").kind == "veth"


@kernel
def test_nothing_is_always_there(pod_ns: Namespace) -> None:
    verify.addresses(pod_ns, "eth0", Result())
    verify.routes(pod_ns, Result())


@kernel
def test_a_link_that_is_gone(added: Result, pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("link", "delete", "eth0")
    for check in (
        lambda: verify.container_link(pod_ns, "eth0"),
        lambda: verify.addresses(pod_ns, "eth0", added),
    ):
        with pytest.raises(CheckFailed) as failure:
            check()
        assert failure.value.message == "Cannot find container link eth0"


@kernel
def test_an_address_that_is_gone(added: Result, pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("addr", "del", "10.77.0.1/32", "dev", "eth0")
    pod.ip("-6", "addr", "flush", "dev", "eth0", "scope", "link")
    with pytest.raises(CheckFailed) as failure:
        verify.addresses(pod_ns, "eth0", added)
    assert str(failure.value) == (
        "Failed to match addr 10.77.0.1/32 on interface eth0 (it has 10.1.2.3/24, fd00::3/64)"
    )


@kernel
def test_an_address_with_another_prefix(added: Result, pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("addr", "del", "10.1.2.3/24", "dev", "eth0")
    pod.ip("addr", "add", "10.1.2.3/25", "dev", "eth0")
    with pytest.raises(CheckFailed) as failure:
        verify.addresses(pod_ns, "eth0", added)
    assert failure.value.message == "Failed to match addr 10.1.2.3/24 on interface eth0"


@kernel
@pytest.mark.parametrize(("subnet", "gateway"), [("10.1.2.0/24", "10.1.2.1"), ("fd00::/64", "<nil>")])
def test_a_subnet_without_a_route(
    subnet: str, gateway: str, added: Result, pod: Netns, pod_ns: Namespace
) -> None:
    pod.ip("route", "del", subnet)
    with pytest.raises(CheckFailed) as failure:
        verify.addresses(pod_ns, "eth0", added)
    assert str(failure.value) == (
        f"Failed to find Gateway {gateway} for interface eth0 (there is no route to {subnet})"
    )


LOST = {
    "default": "Expected Route {Dst:{IP:0.0.0.0 Mask:00000000} GW:<nil> MTU:0 AdvMSS:0 Priority:0 "
    "Table:<nil> Scope:<nil>} not found in routing table",
    "10.9.0.0/16": "Expected Route {Dst:{IP:10.9.0.0 Mask:ffff0000} GW:10.1.2.9 MTU:0 AdvMSS:0 Priority:0 "
    "Table:<nil> Scope:<nil>} not found in routing table",
    "10.10.0.0/16 table 1000": "Expected Route {Dst:{IP:10.10.0.0 Mask:ffff0000} GW:<nil> MTU:0 AdvMSS:0 "
    "Priority:0 Table:1000 Scope:<nil>} not found in routing table (looked for in table 1000)",
    "fd09::/48": "Expected Route {Dst:{IP:fd09:: Mask:ffffffffffff00000000000000000000} GW:<nil> MTU:0 "
    "AdvMSS:0 Priority:0 Table:<nil> Scope:<nil>} not found in routing table",
}


@kernel
@pytest.mark.parametrize("route", LOST)
def test_a_route_that_is_gone(route: str, added: Result, pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("route", "del", *route.split())
    with pytest.raises(CheckFailed) as failure:
        verify.routes(pod_ns, added)
    assert str(failure.value) == LOST[route]


@kernel
def test_a_route_over_another_gateway_is_another_route(added: Result, pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("route", "replace", "10.9.0.0/16", "via", "10.1.2.8")
    with pytest.raises(CheckFailed, match=r"IP:10\.9\.0\.0"):
        verify.routes(pod_ns, added)


@kernel
def test_a_default_route_may_lead_over_any_gateway(added: Result, pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("route", "replace", "default", "via", "10.1.2.8")
    verify.routes(
        pod_ns, added.but(routes=(Route(dst=ip_interface("0.0.0.0/0"), gw=ip_address("10.1.2.1")),))
    )


def test_the_containers_interface_is_that_in_its_namespace() -> None:
    there = Interface(name="eth0", sandbox="/run/netns/pod")
    result = Result(interfaces=(Interface(name="eth0"), there))
    assert verify.sandbox_interface(result, "eth0", "/run/netns/pod") is there


@pytest.mark.parametrize(
    ("interfaces", "hint"),
    [
        ((), "it names no interface eth0"),
        ((Interface(name="eth0", sandbox="/run/netns/other"),), "it says /run/netns/other"),
        ((Interface(name="eth0"),), "it says the host"),
    ],
)
def test_an_interface_in_another_namespace_is_not_the_containers(
    interfaces: tuple[Interface, ...], hint: str
) -> None:
    with pytest.raises(CheckFailed) as failure:
        verify.sandbox_interface(Result(interfaces=interfaces), "eth0", "/run/netns/pod")
    assert failure.value.message == ("Sandbox in prevResult  doesn't match configured netns: /run/netns/pod")
    assert failure.value.hint == hint


@kernel
def test_of_many_routes_only_those_are_decoded_that_are_asked_for(
    added: Result, pod_ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CHECK looks for each network of a pod, and each has routes."""
    link = verify.container_link(pod_ns, "eth0")
    many = [routes.add(ip_interface(f"10.200.{number}.0/24"), oif=link) for number in range(250)]
    pod_ns.rtnl.batch(many)
    decoded: list[bytes] = []
    of = RouteEntry.of
    monkeypatch.setattr(RouteEntry, "of", lambda body: decoded.append(body) or of(body))

    verify.addresses(pod_ns, "eth0", added)
    verify.routes(pod_ns, added)

    assert 0 < len(decoded) < 25
