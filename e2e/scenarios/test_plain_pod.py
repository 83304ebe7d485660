"""Pods that ask for nothing have the cluster's own network and nothing else."""

from __future__ import annotations

from e2e.cluster.pods import NETWORKS, STATUS, Space


def test_a_pod_without_further_networks_has_the_clusters_own(space: Space):
    here, there = space.driver.nodes[:2]
    space.pod("one", node=here)
    space.pod("two", node=there)
    space.wait_ready("one", "two")

    inside = space.inside("one")
    assert list(inside.interfaces) == ["eth0"]
    pod = space.get("one")
    assert pod is not None
    assert {address.partition("/")[0] for address in inside.interfaces["eth0"].addresses} == {
        one["ip"] for one in pod["status"]["podIPs"]
    }
    assert [route.split()[-1] for route in inside.default_routes] == ["eth0"] * len(inside.default_routes)
    for address in space.addresses("two", "eth0"):
        assert space.reaches("one", address)

    assert not {NETWORKS, STATUS} & set(pod["metadata"].get("annotations", {}))
    assert space.events("one", "AddedInterface") == []
