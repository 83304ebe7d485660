"""With namespaceIsolation, the definitions of another namespace are out of reach on every path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space
from e2e.scenarios.networks import host_local, macvlan
from tests.support.wait import until

DEFAULT_NETWORK = "v1.multus-cni.io/default-network"
EVENT_SECONDS = 30.0


@pytest.fixture(scope="module")
def isolation(multinet: Multinet) -> Iterator[None]:
    multinet.settings({"namespaceIsolation": True})
    yield
    multinet.settings({})


@pytest.fixture
def theirs(other: Space) -> str:
    """A definition of another namespace."""
    other.define("lan", macvlan(other, host_local("10.9.13.0/24")))
    return f"{other.name}/lan"


def assert_refused(space: Space, pod: str, network: str) -> None:
    told = until(
        lambda: space.events(pod, "FailedNetworks"), seconds=EVENT_SECONDS, what=f"an event about {pod}"
    )
    sentence = told[0].partition(" (")[0]
    assert sentence == f"the pod {space.name}/{pod} may not use {network}: namespaceIsolation is on"
    assert space.status(pod) == []


def test_without_isolation_a_definition_of_another_namespace_may_be_used(space: Space, theirs: str):
    space.pod("one", theirs, node=space.driver.nodes[0])
    space.wait_ready("one")
    assert space.inside("one").addresses["net1"] == ("10.9.13.2/24",)


@pytest.mark.usefixtures("isolation")
def test_with_isolation_no_annotation_reaches_another_namespace(space: Space, other: Space, theirs: str):
    node = space.driver.nodes[0]
    space.define("lan", macvlan(space, host_local("10.9.14.0/24")))
    space.pod("own", f"lan,{space.name}/lan", node=node)
    space.pod("short", f"lan,{theirs}", node=node)
    space.pod("json", [{"name": "lan", "namespace": other.name}], node=node)
    space.pod("first", node=node, annotations={DEFAULT_NETWORK: theirs})
    space.pod("unknown", f"{other.name}/nothing", node=node)

    for pod in ("short", "json", "first"):
        assert_refused(space, pod, theirs)
    assert_refused(space, "unknown", f"{other.name}/nothing")  # what is there, it does not learn
    space.wait_ready("own")
    assert set(space.inside("own").addresses) == {"eth0", "net1", "net2"}
