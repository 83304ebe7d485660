"""Who has made a mistake is told so where he looks, and what he mends starts by itself."""

from __future__ import annotations

from e2e.cluster.pods import NETWORKS, Space
from e2e.scenarios.networks import host_local, macvlan
from tests.support.wait import until

EVENT_SECONDS = 30.0
MENDED_SECONDS = 90.0
"""The kubelet tries a pod anew after ever longer pauses."""


def complaint(space: Space, pod: str) -> str:
    told = until(
        lambda: space.events(pod, "FailedNetworks"), seconds=EVENT_SECONDS, what=f"an event about {pod}"
    )
    return told[0]


def test_a_pod_whose_network_is_not_there_starts_once_it_is(space: Space):
    space.pod("one", "lan", node=space.driver.nodes[0])
    sentence, _, hint = complaint(space, "one").partition(" (")
    assert sentence == f"there is no NetworkAttachmentDefinition {space.name}/lan"
    assert hint.startswith("create it, or correct what an annotation of the pod says)")
    assert space.status("one") == []

    space.define("lan", macvlan(space, host_local("10.9.4.0/24")))
    space.wait_ready("one", seconds=MENDED_SECONDS)
    assert space.inside("one").addresses["net1"][0].startswith("10.9.4.")


def test_a_pod_whose_annotation_can_not_be_read_starts_once_it_is_mended(space: Space):
    space.define("lan", macvlan(space, host_local("10.9.4.0/24")))
    space.pod("one", '[{"name": "lan", "interfase": "lan0"}]', node=space.driver.nodes[0])
    told = complaint(space, "one")
    assert "interfase" in told
    assert "interface" in told.replace("interfase", ""), "it has to say what was meant"

    mended = {"metadata": {"annotations": {NETWORKS: '[{"name": "lan", "interface": "lan0"}]'}}}
    space.driver.api.patch(space.path("v1", "Pod", "one"), mended)
    space.wait_ready("one", seconds=MENDED_SECONDS)
    assert space.inside("one").addresses["lan0"][0].startswith("10.9.4.")
    assert [entry["interface"] for entry in space.status("one")] == ["eth0", "lan0"]


def test_a_pod_whose_network_has_a_wrong_configuration_starts_once_that_is_mended(space: Space):
    right = macvlan(space, host_local("10.9.4.0/24"))
    space.define("lan", {**right, "master": "nothing0"})
    space.pod("one", "lan", node=space.driver.nodes[0])
    assert "nothing0" in complaint(space, "one")

    space.define("lan", right)
    space.wait_ready("one", seconds=MENDED_SECONDS)
    assert space.inside("one").addresses["net1"][0].startswith("10.9.4.")
