"""A Deployment with three further networks grows, shrinks and goes; nothing of it is left on a node."""

from __future__ import annotations

import pytest

from e2e.cluster.holdings import Holdings
from e2e.cluster.pods import Space, ready
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support.wait import until

NETWORKS = ("one", "two", "three")
PODS = 30
SECONDS = 180.0
"""For thirty pods on two cores."""


def deployment(space: Space, replicas: int) -> None:
    template = space.template(",".join(NETWORKS))
    template["metadata"]["labels"] = {"app": "web"}
    space.driver.api.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": space.name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template,
            },
        }
    )
    until(
        lambda: len(pods := space.pods("app=web")) == replicas and all(map(ready, pods)),
        seconds=SECONDS,
        what=f"{replicas} pods of the Deployment, no more and no fewer",
    )


@pytest.fixture
def networks(space: Space) -> None:
    space.define("one", bridge(space, 6))
    space.define("two", bridge(space, 7))
    space.define("three", macvlan(space, host_local("10.9.8.0/24")))


def held(space: Space) -> tuple[int, int, int]:
    """Records, addresses and network namespaces of all nodes."""
    all_nodes = Holdings.all(space.driver).values()
    return (
        sum(len(node.records) for node in all_nodes),
        sum(len(node.addresses) for node in all_nodes),
        sum(len(node.namespaces) for node in all_nodes),
    )


@pytest.mark.usefixtures("networks")
def test_a_deployment_with_three_networks_leaves_nothing_on_any_node(space: Space):
    before, nodes_before = held(space), Holdings.all(space.driver)
    deployment(space, 5)
    one = space.pods("app=web")[0]
    inside = space.inside(one["metadata"]["name"])
    own = len(inside.interfaces["eth0"].addresses) + len(NETWORKS)  # addresses of a pod

    for replicas in (PODS, 5, PODS, 1):
        deployment(space, replicas)
        wanted = (before[0] + replicas, before[1] + replicas * own, before[2] + replicas)
        until(lambda wanted=wanted: held(space) == wanted, seconds=SECONDS, what=f"what {replicas} pods hold")
        used = {pod["spec"]["nodeName"] for pod in space.pods("app=web")}
        assert used == set(space.driver.nodes) or replicas == 1

    space.driver.api.delete(space.path("apps/v1", "Deployment", "web"))
    until(lambda: not space.pods("app=web"), seconds=SECONDS, what="its pods to be gone")
    until(
        lambda: Holdings.all(space.driver) == nodes_before,
        seconds=SECONDS,
        what="the nodes to hold what they held before",
    )


@pytest.mark.usefixtures("networks")
def test_no_two_pods_of_a_deployment_have_the_same_address_on_a_node(space: Space):
    deployment(space, PODS)
    taken = [
        (pod["spec"]["nodeName"], entry["interface"], address)
        for pod in space.pods("app=web")
        for entry in space.status(pod["metadata"]["name"])
        for address in entry["ips"]
    ]
    assert len(taken) == len(set(taken)) >= 4 * PODS
