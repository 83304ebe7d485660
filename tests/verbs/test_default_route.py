"""Who carries the default route: what the kernel has, and that result, status and CHECK say the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.netns import Netns
from tests.verbs.node import Node, host_local

pytestmark = pytest.mark.kernel

DUAL = host_local("10.80.0.0/24", "fd80::/64")
FIRST4, FIRST6 = ("10.80.0.1", "eth0", 0), ("fd80::1", "eth0", 1024)

# The annotation's key on the second network, and the default routes that follow, v4 and v6. The first network
# has both families; the second has 10.81.0.0/24 and fd81::/64, with 10.81.0.1 and fd81::1 for gateways.
ROUTES: dict[str, tuple[dict[str, Any], list[tuple[str, str, int]], list[tuple[str, str, int]]]] = {
    "absent: nothing changes": ({}, [FIRST4], [FIRST6]),
    "one gateway moves its family": ({"default-route": ["10.81.0.9"]}, [("10.81.0.9", "net1", 0)], [FIRST6]),
    "one gateway of IPv6": ({"default-route": ["fd81::9"]}, [FIRST4], [("fd81::9", "net1", 1024)]),
    "both families": (
        {"default-route": ["10.81.0.9", "fd81::9"]}, [("10.81.0.9", "net1", 0)], [("fd81::9", "net1", 1024)],
    ),
    "a list: the others stand behind the first": (
        {"default-route": ["10.81.0.9", "10.81.0.8"]},
        [("10.81.0.8", "net1", 1025), ("10.81.0.9", "net1", 0)],
        [FIRST6],
    ),
    "a list of IPv6": (
        {"default-route": ["fd81::9", "fd81::8"]},
        [FIRST4],
        [("fd81::8", "net1", 1025), ("fd81::9", "net1", 1024)],
    ),
    "an empty list: over the network's own gateways": (
        {"default-route": []}, [("10.81.0.1", "net1", 0)], [("fd81::1", "net1", 1024)],
    ),
}  # fmt: skip


def defaults(sandbox: Netns, family: int) -> list[tuple[str, str, int]]:
    """The kernel's default routes: gateway, interface, metric."""
    found = sandbox.json("ip", f"-{family}", "-j", "route", "show", "default")
    return sorted((route["gateway"], route["dev"], route.get("metric", 0)) for route in found)


@pytest.fixture
def dual(node: Node) -> Node:
    node.cluster["ipam"] = DUAL
    ipam = host_local("10.81.0.0/24", "fd81::/64")
    node.define("second", type="bridge", bridge="br1", isGateway=True, ipam=ipam)
    return node


@pytest.mark.parametrize("case", ROUTES)
def test_the_kernel_result_status_and_check_agree_on_the_default_routes(
    dual: Node, pod: Netns, case: str
) -> None:
    key, v4, v6 = ROUTES[case]
    dual.pod("cart", [{"name": "second", **key}])

    result = dual.add(pod)

    assert (defaults(pod, 4), defaults(pod, 6)) == (v4, v6)
    on_first = {gateway for gateway, device, _ in v4 + v6 if device == "eth0"}
    on_second = {gateway for gateway, device, _ in v4 + v6 if device == "net1"}
    assert {route["gw"] for route in result.get("routes", [])} == on_first
    first, second = dual.status()
    assert set(first.get("gateway", [])) == on_first
    assert set(second.get("gateway", [])) == on_second
    dual.do("CHECK", pod)
    dual.do("DEL", pod)


def test_an_empty_list_where_the_network_has_no_gateway_is_refused(dual: Node, pod: Netns) -> None:
    dual.define("flat", type="bridge", bridge="br3")
    dual.pod("cart", [{"name": "flat", "default-route": []}])

    assert dual.refusal("ADD", pod) == {
        "code": 7,
        "msg": "default/flat: 'default-route' is empty, and the network's own plugins gave no gateway",
        "details": "list the gateways in 'default-route'",
    }
    assert (pod.links(), dual.addresses("cluster")) == ([], {})


def test_a_gateway_that_cant_be_reached_is_refused_and_undone(dual: Node, pod: Netns) -> None:
    dual.pod("cart", [{"name": "second", "default-route": ["10.99.0.1"]}])

    said = dual.refusal("ADD", pod)

    assert said == {
        "code": 999,
        "msg": (
            "default/second.default-route[0]: could not add route to 0.0.0.0/0 via 10.99.0.1 dev net1: "
            "Network is unreachable (Nexthop has invalid gateway)"
        ),
        "details": (
            "name a gateway that is in a subnet of net1's own addresses, or leave the list empty for the "
            "network's own"
        ),
    }
    assert (pod.links(), dual.addresses("cluster"), dual.addresses("second")) == ([], {}, {})


def test_each_family_may_go_its_own_way(dual: Node, pod: Netns) -> None:
    ipam = host_local("10.82.0.0/24", "fd82::/64")
    dual.define("third", type="bridge", bridge="br2", isGateway=True, ipam=ipam)
    dual.pod(
        "cart",
        [
            {"name": "second", "default-route": ["10.81.0.1"]},
            {"name": "third", "default-route": ["fd82::1"]},
        ],
    )

    assert dual.add(pod).get("routes", []) == []
    assert (defaults(pod, 4), defaults(pod, 6)) == ([("10.81.0.1", "net1", 0)], [("fd82::1", "net2", 1024)])
    dual.do("CHECK", pod)


def test_a_network_that_has_a_default_route_of_its_own_gives_way_to_the_gateway_asked_for(
    dual: Node, pod: Netns
) -> None:
    """The kernel makes one route of two hops out of two default routes of IPv6."""
    ipam = host_local("10.82.0.0/24", "fd82::/64")
    dual.define("third", type="bridge", bridge="br2", isDefaultGateway=True, ipam=ipam)
    dual.pod("cart", [{"name": "third"}, {"name": "second", "default-route": ["fd81::9", "10.81.0.9"]}])

    assert dual.add(pod).get("routes", []) == []
    assert (defaults(pod, 4), defaults(pod, 6)) == ([("10.81.0.9", "net2", 0)], [("fd81::9", "net2", 1024)])
    dual.do("CHECK", pod)
