"""Two pods share an uplink that was made on demand, and one of them dies on the way: the other keeps it, the last one
takes it away.

Only the steps that are about the link are tried; that every other one is survived, the scenarios show.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import mortal
from tests.faults.scenario import Scenario, World
from tests.faults.scenarios.host_links import VXLAN
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

SCENARIO = Scenario(first={"type": "bridge", "bridge": "br0", "uplink": "vx42", "hostLink": VXLAN})
OTHER = "decade" * 10


@pytest.fixture
def fresh(netns: Callable[..., Netns], tmp_path: Path) -> Callable[[], World]:
    def make() -> World:
        host = netns("host")
        return World(host=host, pod=netns("pod"), folder=tmp_path / host.name, scenario=SCENARIO).prepare()

    return make


def ask_for_other(world: World, pod: Netns, command: str, die_at: int | None = None) -> list[str]:
    env = world.env(command) | {"CNI_CONTAINERID": OTHER, "CNI_NETNS": pod.path}
    log = world.folder / f"other.{command}.steps"
    return mortal.request(world.host, env, world.stdin, log, die_at=die_at)[1]


def about_the_link(steps: list[str]) -> list[int]:
    return [place for place, step in enumerate(steps) if "vx42" in step or "host-links" in step]


def test_the_first_is_killed_while_it_makes_the_link(fresh: Callable[[], World]) -> None:
    world = fresh()
    steps = world.ask("ADD")
    world.ask("DEL")
    measure = world.left()

    assert len(about_the_link(steps)) >= 7
    for place in about_the_link(steps):
        with pytest.raises(mortal.Killed):
            world.ask("ADD", die_at=place)
        world.ask("DEL")
        assert world.left() - measure == set(), f"killed before step {place} ({steps[place]})"


def test_an_add_after_a_killed_one_finishes_what_that_began(fresh: Callable[[], World]) -> None:
    world = fresh()
    steps = world.ask("ADD")
    world.ask("DEL")
    measure = world.left()

    for place in about_the_link(steps):
        with pytest.raises(mortal.Killed):
            world.ask("ADD", die_at=place)
        world.ask("ADD")
        (link,) = world.host.json("ip", "-j", "link", "show", "vx42")
        assert "UP" in link["flags"], f"killed before step {place} ({steps[place]})"
        assert (link["master"], link["ifalias"][:16]) == ("br0", "made by multinet")
        world.ask("DEL")
        assert world.left() - measure == set(), f"killed before step {place} ({steps[place]})"


@pytest.mark.parametrize("command", ["ADD", "DEL"])
def test_another_pod_keeps_the_link_when_one_is_killed(
    fresh: Callable[[], World], netns: Callable[..., Netns], command: str
) -> None:
    world, pod = fresh(), netns("other")
    world.ask("ADD")
    steps = {verb: ask_for_other(world, pod, verb) for verb in ("ADD", "DEL")}[command]

    assert about_the_link(steps)
    for place in about_the_link(steps):
        if command == "DEL":
            ask_for_other(world, pod, "ADD")
        with pytest.raises(mortal.Killed):
            ask_for_other(world, pod, command, die_at=place)
        ask_for_other(world, pod, "DEL")
        assert "vx42" in world.host.links(), f"killed before step {place} ({steps[place]})"
    world.ask("DEL")
    assert "vx42" not in world.host.links()
    assert not list((world.folder / "state" / "host-links").glob("*.json"))
