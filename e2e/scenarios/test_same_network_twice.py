"""One definition, named twice, with names for its interfaces."""

from __future__ import annotations

from e2e.cluster.pods import Space, entry
from e2e.scenarios.networks import host_local, macvlan


def test_the_same_network_twice_gives_two_interfaces_of_the_names_asked_for(space: Space):
    space.define("lan", macvlan(space, host_local("10.9.3.0/24")))
    space.pod("one", f"{space.name}/lan@left, lan@right", node=space.driver.nodes[0])
    space.wait_ready("one")

    inside = space.inside("one")
    assert inside.addresses == {
        "eth0": inside.addresses["eth0"],
        "left": ("10.9.3.2/24",),
        "right": ("10.9.3.3/24",),
    }
    assert inside.interfaces["left"].mac != inside.interfaces["right"].mac
    assert [route for route in inside.routes if route.startswith("10.9.3.0/24")] == [
        "10.9.3.0/24 dev left",
        "10.9.3.0/24 dev right",
    ]
    assert space.status("one")[1:] == [
        entry(f"{space.name}/lan", "left", inside.interfaces["left"]),
        entry(f"{space.name}/lan", "right", inside.interfaces["right"]),
    ]
