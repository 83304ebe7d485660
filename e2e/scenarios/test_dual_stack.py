"""Networks with both families, and with IPv6 alone."""

from __future__ import annotations

from typing import Any

from e2e.cluster.pods import Space, entry
from e2e.scenarios.networks import macvlan
from tests.support.wait import until

DAD_SECONDS = 10.0
"""An IPv6 address may be used when nobody has objected to it for about two seconds."""


def ranges(first: int, *subnets: tuple[str, str]) -> dict[str, Any]:
    """host-local, whose memory is a node's own: each node has its part of the network."""
    return {
        "type": "host-local",
        "ranges": [
            [{"subnet": subnet, "rangeStart": f"{stem}{first}", "rangeEnd": f"{stem}{first + 9}"}]
            for subnet, stem in subnets
        ],
    }


def test_both_families_reach_over_the_nodes(space: Space):
    both = (("10.9.18.0/24", "10.9.18."), ("fd09:18::/64", "fd09:18::"))
    nodes = space.driver.nodes[:2]
    for number, node in enumerate(nodes, 1):
        space.define(f"both-{number}", macvlan(space, ranges(10 * number, *both)))
        space.define(f"six-{number}", macvlan(space, ranges(10 * number, ("fd09:19::/64", "fd09:19::"))))
        space.pod(f"pod-{number}", f"both-{number}@both0,six-{number}@six0", node=node)
    space.wait_ready("pod-1", "pod-2")

    for number in (1, 2):
        inside = space.inside(f"pod-{number}")
        assert inside.addresses["both0"] == (f"10.9.18.{number}0/24", f"fd09:18::{number}0/64")
        assert inside.addresses["six0"] == (f"fd09:19::{number}0/64",)
        assert space.status(f"pod-{number}")[1:] == [
            entry(f"{space.name}/both-{number}", "both0", inside.interfaces["both0"]),
            entry(f"{space.name}/six-{number}", "six0", inside.interfaces["six0"]),
        ]
    for address, by in (("10.9.18.20", "both0"), ("fd09:18::20", "both0"), ("fd09:19::20", "six0")):
        until(
            lambda address=address, by=by: space.reaches("pod-1", address, by=by),
            seconds=DAD_SECONDS,
            what=f"{address} to answer over {by}",
        )
