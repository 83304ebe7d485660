"""A node loses its power: what its pods held is given back, and they come up again with networks of their own."""

from __future__ import annotations

from e2e.cluster.holdings import Holdings
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space, ready
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support.wait import until

PODS = 5
SECONDS = 240.0
"""The kubelet waits with what has just failed, and the node with it until its agent is there again."""


def test_pods_of_a_node_that_was_rebooted_are_up_again_and_no_address_is_lost(
    space: Space, multinet: Multinet
):
    node, other = space.driver.nodes[:2]
    space.define("one", bridge(space, 22))
    space.define("two", macvlan(space, host_local("10.9.23.0/24")))
    before = Holdings.of(space.driver, node)
    names = [space.pod(f"pod-{number}", "one,two", node=node) for number in range(PODS)]
    space.pod("peer", node=other)
    space.wait_ready("peer", *names)
    held = Holdings.of(space.driver, node)
    old = set(held.records) - set(before.records)
    assert len(old) == PODS

    space.driver.reboot(node)
    until(
        lambda: not old & set(Holdings.of(space.driver, node).records),
        seconds=SECONDS,
        what="the records of before to be gone",
    )
    until(lambda: all(map(ready, space.pods())), seconds=SECONDS, what="the pods to be ready again")
    multinet.wait_ready()
    until(
        lambda: len(Holdings.of(space.driver, node).addresses) == len(held.addresses),
        seconds=SECONDS,
        what="as many addresses to be in use as before",
    )

    now = Holdings.of(space.driver, node)
    assert len(set(now.records) - set(before.records)) == PODS
    for name in names:
        inside = space.inside(name)
        assert list(inside.interfaces) == ["eth0", "net1", "net2"]
        told = {entry["interface"]: entry["ips"] for entry in space.status(name)}
        for ifname, addresses in inside.addresses.items():
            assert told[ifname] == [address.partition("/")[0] for address in addresses]
    for address in space.addresses(names[0], "eth0"):
        assert space.reaches("peer", address)
