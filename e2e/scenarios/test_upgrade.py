"""Another version is rolled out, agent and shim, while pods come and go all the time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from deploy.image.assemble import assemble
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space, ready
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support.wait import until

NEXT = "multinet:next"
AT_ONCE = 4
"""Pods that are being made at any time."""
SECONDS = 240.0

SHIM = "/opt/cni/bin/multinet"
AGE = f"cp {SHIM} {SHIM}.old && echo >> {SHIM}.old && mv {SHIM}.old {SHIM}"
"""Makes it another file, that does the same: an older version's."""


@pytest.fixture(scope="module")
def next_version(multinet: Multinet) -> Iterator[str]:
    """The name of its image, which every node has."""
    multinet.driver.load(assemble(NEXT))
    yield NEXT
    multinet.apply()
    until(multinet.rolled_out, seconds=SECONDS, what="the version of the manifests to be back")


def test_no_pod_fails_more_than_once_while_another_version_is_rolled_out(
    space: Space, multinet: Multinet, next_version: str
):
    space.define("one", bridge(space, 24))
    space.define("two", macvlan(space, host_local("10.9.25.0/24")))
    shims = {}
    for node in space.driver.nodes:
        shims[node] = space.driver.shell(node, "sha256sum", SHIM).stdout
        space.driver.shell(node, "sh", "-c", AGE)
        assert space.driver.shell(node, "sha256sum", SHIM).stdout != shims[node]
    nodes = itertools.cycle(space.driver.nodes)
    names = (f"pod-{number}" for number in itertools.count())
    pending: list[str] = []
    made: list[str] = []

    def churn() -> bool:
        """Make pods, wait for none, delete those that are ready; and is the other version everywhere by now?"""
        up = {pod["metadata"]["name"] for pod in space.pods() if ready(pod)}
        for name in [name for name in pending if name in up]:
            pending.remove(name)
            made.append(name)
            space.driver.api.delete(space.path("v1", "Pod", name))
        while len(pending) < AT_ONCE:
            pending.append(space.pod(next(names), "one,two", node=next(nodes)))
        return multinet.rolled_out()

    churn()
    multinet.apply(image=next_version)
    until(churn, seconds=SECONDS, what="the other version to be rolled out")
    until(lambda: (churn(), len(made) > 3 * AT_ONCE)[1], seconds=SECONDS, what="pods to be made all the time")
    space.wait_ready(*pending)

    failed = {name: space.failures(name) for name in (*made, *pending)}
    assert {name: times for name, times in failed.items() if times > 1} == {}
    for node in space.driver.nodes:
        assert multinet.agent(node)["spec"]["containers"][0]["image"] == next_version
        assert space.driver.shell(node, "sha256sum", SHIM).stdout == shims[node]
        assert space.driver.shell(node, "ls", "/opt/cni/bin").stdout.count("multinet") == 1
