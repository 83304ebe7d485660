"""A cluster without IPv4: its API server, its nodes, the primary network and the further ones have IPv6 alone."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.cluster.driver import Driver
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import PORT, Space, entry, ready, runs
from e2e.scenarios.conftest import MakeCluster
from e2e.scenarios.networks import host_local, macvlan
from tests.support.places import path_of
from tests.support.wait import until

DAD_SECONDS = 10.0
"""An IPv6 address may be used when nobody has objected to it for about two seconds."""
PROBED_SECONDS = 30.0
WRONG_PORT: Final = PORT + 1


@pytest.fixture(scope="module")
def driver(cluster: MakeCluster) -> Iterator[Driver]:
    with cluster(only_ipv6=True) as made:
        yield made


@pytest.fixture(scope="module")
def multinet(image: Path, driver: Driver) -> Multinet:
    made = Multinet(driver)
    made.install(image)
    return made


def told(objects: list[dict[str, str]], key: str = "ip") -> list[IPv6Address]:
    """AddressValueError for one that is not IPv6."""
    return [IPv6Address(one[key]) for one in objects]


def probed(space: Space, name: str, node: str, networks: Any = None, *, port: int = PORT) -> str:
    """A pod that the kubelet finds ready, and alive, by connecting to it."""
    made = space.template(networks, node=node)
    (container,) = made["spec"]["containers"]
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    container |= {"readinessProbe": probe, "livenessProbe": {**probe, "failureThreshold": 600}}
    made["metadata"] |= {"name": name, "namespace": space.name}
    space.driver.api.apply({"apiVersion": "v1", "kind": "Pod", **made})
    return name


def test_nodes_and_the_agents_on_them_have_no_other_addresses(driver: Driver, multinet: Multinet):
    for node in driver.nodes:
        status = driver.api.ask("GET", path_of("v1", "Node", node))["status"]
        internal = [one for one in status["addresses"] if one["type"] == "InternalIP"]
        assert len(told(internal, "address")) == 1
        assert [IPv6Network(subnet).version for subnet in driver.pod_subnets(node)] == [6]
        agent = multinet.agent(node)["status"]
        assert told(agent["podIPs"]) == told(agent["hostIPs"]) == told(internal, "address")
    service = driver.api.ask("GET", path_of("v1", "Service", "kubernetes", "default"))
    assert ip_address(service["spec"]["clusterIP"]).version == 6


def test_pods_of_two_nodes_reach_each_other_by_the_primary_network_and_by_further_ones(space: Space):
    nodes = space.driver.nodes[:2]
    space.define("far", macvlan(space, {"type": "static"}, capabilities={"ips": True}))
    space.define("near", {"type": "bridge", "bridge": "e2e31", "ipam": host_local("fd09:31::/64")})
    names = []
    for number, node in enumerate(nodes, 1):
        networks = [{"name": "far", "ips": [f"fd09:32::{number}/64"]}, {"name": "near"}]
        names.append(probed(space, f"pod-{number}", node, networks))
    space.wait_ready(*names)

    for number, (name, node) in enumerate(zip(names, nodes, strict=True), 1):
        pod = space.get(name)
        assert pod is not None
        inside = space.inside(name)
        assert list(inside.interfaces) == ["eth0", "net1", "net2"]
        (address,) = space.addresses(name, "eth0")
        assert told(pod["status"]["podIPs"]) == [IPv6Address(address)]
        assert pod["status"]["podIP"] == address
        (subnet,) = space.driver.pod_subnets(node)
        assert IPv6Address(address) in IPv6Network(subnet)
        assert inside.addresses["net1"] == (f"fd09:32::{number}/64",)
        assert inside.addresses["net2"] == ("fd09:31::2/64",)

        (way_out,) = inside.default_routes
        gateway = way_out.split()[2]
        assert way_out == f"default via {gateway} dev eth0"
        assert IPv6Address(gateway) in IPv6Network(subnet)
        primary, *further = space.status(name)
        more = {"default": True, "gateway": [gateway], "default-route": [gateway]}
        assert primary == entry(primary["name"], "eth0", inside.interfaces["eth0"], **more)
        assert further == [
            entry(f"{space.name}/far", "net1", inside.interfaces["net1"]),
            entry(f"{space.name}/near", "net2", inside.interfaces["net2"]),
        ]
    for here, there in ((0, 1), (1, 0)):
        (address,) = space.addresses(names[there], "eth0")
        for reached, by in ((address, "eth0"), (f"fd09:32::{there + 1}", "net1")):
            until(
                lambda here=here, reached=reached, by=by: space.reaches(names[here], reached, by=by),
                seconds=DAD_SECONDS,
                what=f"{reached} to answer over {by}",
            )


def test_the_kubelet_probes_a_pod_over_its_primary_network(space: Space):
    node = space.driver.nodes[0]
    right = probed(space, "right", node)
    wrong = probed(space, "wrong", node, port=WRONG_PORT)
    space.wait_ready(right)
    until(lambda: runs(space.get(wrong)), seconds=PROBED_SECONDS, what="wrong to run")
    (address,) = space.addresses(wrong, "eth0")
    refused = f"Readiness probe failed: dial tcp [{address}]:{WRONG_PORT}: connect: connection refused"
    until(lambda: refused in space.events(wrong), seconds=PROBED_SECONDS, what="the probe of wrong to fail")
    assert not ready(space.get(wrong))
