"""The agent dies in the middle of its work. Nobody notices but the clock."""

from __future__ import annotations

from e2e.cluster.holdings import Holdings
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space, ready
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support.wait import until

PODS = 20
SECONDS = 180.0


def test_twenty_pods_start_although_the_agent_is_killed_meanwhile(space: Space, multinet: Multinet):
    node = space.driver.nodes[0]
    space.define("one", bridge(space, 15))
    space.define("two", macvlan(space, host_local("10.9.16.0/24")))
    before = Holdings.of(space.driver, node)
    restarts = multinet.restarts(node)
    names = [space.pod(f"pod-{number}", "one,two", node=node) for number in range(PODS)]
    until(
        lambda: len(Holdings.of(space.driver, node).records) > len(before.records) + 2,
        seconds=SECONDS,
        what="the first of the pods to be attached",
    )
    multinet.kill(node)

    until(lambda: all(map(ready, space.pods())), seconds=SECONDS, what=f"{PODS} pods to be ready")
    until(lambda: multinet.restarts(node) == restarts + 1, what="the kubelet to tell of the restart")
    multinet.wait_ready()

    taken = []
    for name in names:
        inside = space.inside(name)
        assert list(inside.interfaces) == ["eth0", "net1", "net2"]
        status = space.status(name)
        for entry in status:
            had = inside.addresses[entry["interface"]]
            assert entry["ips"] == [address.partition("/")[0] for address in had]
            taken += [(entry["interface"], address) for address in had]
        assert len(status) == 3
    assert len(taken) == len(set(taken))
    until(
        lambda: len(Holdings.of(space.driver, node).addresses) == len(before.addresses) + len(taken),
        seconds=SECONDS,
        what="the addresses of attempts that were cut off to be given back",
    )
    assert len(Holdings.of(space.driver, node).records) == len(before.records) + PODS
