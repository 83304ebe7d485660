"""Pods that the kubelet reads from a file: the API has a mirror of each, of another UID."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.cluster.pods import Space, entry
from e2e.scenarios.networks import host_local, macvlan
from tests.support.wait import until

SECONDS = 60.0


@pytest.fixture
def static_pod(space: Space) -> Iterator[str]:
    """The name of its mirror."""
    node = space.driver.nodes[0]
    space.define("lan", macvlan(space, host_local("10.9.5.0/24")))
    made: dict[str, Any] = space.template("lan")
    made["metadata"] |= {"name": "static", "namespace": space.name}
    file = f"{space.driver.static_pods}/e2e.json"
    space.driver.shell(node, "tee", file, input=json.dumps({"apiVersion": "v1", "kind": "Pod", **made}))
    yield f"static-{node}"
    space.driver.shell(node, "rm", "-f", file)
    until(lambda: not space.pods(), seconds=SECONDS, what="the static pod to be gone")


def test_a_static_pod_has_its_networks_and_its_mirror_tells_of_them(space: Space, static_pod: str):
    space.wait_ready(static_pod)

    inside = space.inside(static_pod)
    assert inside.addresses["net1"] == ("10.9.5.2/24",)
    assert space.status(static_pod)[1:] == [entry(f"{space.name}/lan", "net1", inside.interfaces["net1"])]
