"""Two further networks, with an address and a MAC that the pod has asked for; both span the nodes."""

from __future__ import annotations

from e2e.cluster.pods import Space, entry
from e2e.scenarios.networks import macvlan


def test_two_networks_with_a_static_address_and_mac_reach_over_the_nodes(space: Space):
    for name in ("red", "blue"):
        space.define(name, macvlan(space, {"type": "static"}, capabilities={"ips": True, "mac": True}))
    for number, (name, node) in enumerate(zip(("one", "two"), space.driver.nodes, strict=False), 1):
        space.pod(
            name,
            [
                {"name": "red", "ips": [f"10.9.1.{number}/24"], "mac": f"02:00:00:00:01:{number:02x}"},
                {"name": "blue", "ips": [f"10.9.2.{number}/24"], "mac": f"02:00:00:00:02:{number:02x}"},
            ],
            node=node,
        )
    space.wait_ready("one", "two")
    assert space.node_of("one") != space.node_of("two")

    for number, name in enumerate(("one", "two"), 1):
        inside = space.inside(name)
        assert list(inside.interfaces) == ["eth0", "net1", "net2"]
        for network, ifname in enumerate(("net1", "net2"), 1):
            had = inside.interfaces[ifname]
            assert had.addresses == (f"10.9.{network}.{number}/24",)
            assert had.mac == f"02:00:00:00:{network:02x}:{number:02x}"
            assert f"10.9.{network}.0/24 dev {ifname}" in inside.routes
        assert [route.split()[-1] for route in inside.default_routes] == ["eth0"] * len(inside.default_routes)
        status = space.status(name)
        gateways = [route.split()[2] for route in inside.default_routes]
        told = {"default": True, "gateway": gateways, "default-route": gateways}
        assert status[0] == entry("cluster", "eth0", inside.interfaces["eth0"], **told)
        assert status[1:] == [
            entry(f"{space.name}/red", "net1", inside.interfaces["net1"]),
            entry(f"{space.name}/blue", "net2", inside.interfaces["net2"]),
        ]

    for name, peer in (("one", 2), ("two", 1)):
        for network in (1, 2):
            assert space.reaches(name, f"10.9.{network}.{peer}", by=f"net{network}")
