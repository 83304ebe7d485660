"""The nodes are left while a pod still has its networks, are as they were before, and can be served again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster.multinet import UNINSTALL, UNINSTALL_JOB, Multinet, manifests
from e2e.cluster.pods import Space
from e2e.scenarios.networks import bridge
from tests.support.wait import until

SECONDS = 240.0


@pytest.fixture
def uninstall(multinet: Multinet) -> Iterator[None]:
    """Begun, and multinet is there again after the test."""
    objects = manifests(UNINSTALL)
    api = multinet.driver.api
    api.apply(*objects)
    yield
    api.remove(*objects)
    until(lambda: api.get(UNINSTALL_JOB) is None, seconds=SECONDS, what="the Job to be gone")
    multinet.come_back()


@pytest.fixture
def old(space: Space) -> str:
    """A pod from before, with a network."""
    space.define("lan", bridge(space, 26))
    space.pod("old", "lan", node=space.driver.nodes[0])
    space.wait_ready("old")
    return "old"


def test_nodes_are_left_as_they_were_when_the_last_pod_with_a_network_has_gone(
    space: Space, multinet: Multinet, old: str, request: pytest.FixtureRequest
):
    node, api = space.driver.nodes[0], space.driver.api
    inside = space.inside(old)
    assert list(inside.interfaces) == ["eth0", "net1"]
    request.getfixturevalue("uninstall")

    until(
        lambda: "00-multinet.conflist" not in space.driver.shell(node, "ls", "/etc/cni/net.d").stdout,
        seconds=SECONDS,
        what="new pods to be the cluster network's alone",
    )
    space.pod("new", "lan", node=node)
    space.wait_ready("new")
    assert list(space.inside("new").interfaces) == ["eth0"]
    assert space.inside(old) == inside
    assert not api.ask("GET", UNINSTALL_JOB)["status"].get("succeeded")

    space.delete(old)
    until(
        lambda: api.ask("GET", UNINSTALL_JOB)["status"].get("succeeded"),
        seconds=SECONDS,
        what="the nodes to be left",
    )
    multinet.remove()
    for name in space.driver.nodes:
        assert multinet.files(name) == multinet.files_before[name]

    space.pod("plain", node=node)
    space.wait_ready("plain")
    space.delete("plain", "new")
