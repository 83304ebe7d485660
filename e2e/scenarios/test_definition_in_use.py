"""A definition is changed, and deleted, while pods use it: they go on, and are deleted by what they were given."""

from __future__ import annotations

from e2e.cluster.holdings import Holdings
from e2e.cluster.pods import Space
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support.wait import until


def test_pods_of_a_definition_that_is_changed_and_deleted_are_taken_down_as_they_were_made(space: Space):
    node = space.driver.nodes[0]
    before = Holdings.of(space.driver, node)
    space.define("lan", bridge(space, 10))
    space.pod("old", "lan", node=node)
    space.wait_ready("old")
    old = space.inside("old")
    assert old.addresses["net1"] == ("10.9.10.2/24",)

    space.define("lan", macvlan(space, host_local("10.9.11.0/24")))
    space.pod("new", "lan", node=node)
    space.wait_ready("new")
    assert space.inside("new").addresses["net1"] == ("10.9.11.2/24",)
    assert space.inside("old") == old

    space.driver.api.delete(space.path("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "lan"))
    assert space.inside("old") == old
    space.delete("old", "new")
    until(
        lambda: Holdings.of(space.driver, node) == before,
        seconds=30,
        what="the node to hold what it held before",
    )
