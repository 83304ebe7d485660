"""The way out of a pod: over a further network when the annotation says so, for each family by itself."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.cluster.pods import Space
from e2e.scenarios.networks import host_local, macvlan

GATEWAY, GATEWAY6 = "10.9.12.1", "fd09:12::1"


@pytest.mark.parametrize(
    ("asked", "moved"),
    [
        ([GATEWAY], {GATEWAY}),
        ([GATEWAY6], {GATEWAY6}),
        ([GATEWAY, GATEWAY6], {GATEWAY, GATEWAY6}),
        (None, set()),
    ],
    ids=["for IPv4", "for IPv6", "for both", "for none"],
)
def test_the_default_route_is_moved_to_a_further_network(
    space: Space, asked: list[str] | None, moved: set[str]
):
    node = space.driver.nodes[0]
    space.define("lan", macvlan(space, host_local("10.9.12.0/24", "fd09:12::/64")))
    selection: dict[str, Any] = {"name": "lan"}
    if asked is not None:
        selection["default-route"] = asked
    space.pod("plain", node=node)
    space.pod("one", [selection], node=node)
    space.wait_ready("plain", "one")

    cluster = [route.split()[2] for route in space.inside("plain").default_routes]
    families = {":" in gateway for gateway in moved}
    kept = [gateway for gateway in cluster if (":" in gateway) not in families]
    inside = space.inside("one")
    assert sorted(inside.default_routes) == sorted(
        [f"default via {gateway} dev eth0" for gateway in kept]
        + [f"default via {gateway} dev net1" for gateway in moved]
    )

    eth0, net1 = space.status("one")
    assert eth0.get("default-route", []) == kept
    assert net1.get("default-route", []) == (asked or [])
    assert (eth0.get("default", False), net1.get("default", False)) == (True, False)
    assert list(inside.interfaces) == ["eth0", "net1"]
