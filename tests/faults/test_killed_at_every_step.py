"""The process is killed before each of its steps in turn; a DEL afterwards leaves nothing.

The steps are enumerated by the code (``multinet.steps``), in a namespace that has seen nothing before, so that
the making of bridges, tables and folders is among them. What a clean ADD and DEL leave (a bridge stays, an empty
lock file stays) is the measure: a killed one must leave nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.delegate.registry import installed
from tests.faults import mortal
from tests.faults.scenario import Scenario, World
from tests.faults.scenarios import SCENARIOS
from tests.support.netns import Netns
from tests.support.wait import until

every_scenario = pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(one, id=name, marks=[getattr(pytest.mark, one.needs)] if one.needs else [])
        for name, one in SCENARIOS.items()
    ],
)


@pytest.fixture
def fresh(netns: Callable[..., Netns], tmp_path: Path) -> Callable[[Scenario], World]:
    """Make a new world for a scenario."""

    def make(scenario: Scenario) -> World:
        host, pod = netns("host"), netns("pod")
        return World(host=host, pod=pod, folder=tmp_path / host.name, scenario=scenario).prepare()

    return make


def test_no_installed_delegate_is_left_out() -> None:
    left_out = set(installed()).difference(*(scenario.types for scenario in SCENARIOS.values()))

    assert not left_out, (
        f"never killed at its steps: {', '.join(sorted(left_out))}; each wants a scenario with it in "
        "tests/faults/scenarios/<type>.py"
    )


@pytest.mark.kernel
@every_scenario
def test_add_killed_at_every_step_leaves_nothing_after_del(
    scenario: Scenario, fresh: Callable[[Scenario], World]
) -> None:
    clean = fresh(scenario)
    all_steps = clean.ask("ADD")
    clean.ask("DEL")
    measure = clean.left()

    assert len(all_steps) >= 3
    for place, step in enumerate(all_steps):
        world = fresh(scenario)
        with pytest.raises(mortal.Killed):
            world.ask("ADD", die_at=place)
        world.ask("DEL")
        assert world.left() - measure == set(), f"killed before step {place} ({step})"


@pytest.mark.kernel
@every_scenario
def test_del_killed_at_every_step_leaves_nothing_after_another_del(
    scenario: Scenario, fresh: Callable[[Scenario], World]
) -> None:
    clean = fresh(scenario)
    clean.ask("ADD")
    all_steps = clean.ask("DEL")
    measure = clean.left()

    assert all_steps
    for place, step in enumerate(all_steps):
        world = fresh(scenario)
        world.ask("ADD")
        with pytest.raises(mortal.Killed):
            world.ask("DEL", die_at=place)
        world.ask("DEL")
        assert world.left() - measure == set(), f"killed before step {place} ({step})"


@pytest.mark.kernel
@pytest.mark.long
@every_scenario
def test_after_a_kill_the_namespace_may_be_gone_too(
    scenario: Scenario, fresh: Callable[[Scenario], World]
) -> None:
    """A node that restarts its runtime loses the namespace with the process."""
    clean = fresh(scenario)
    all_steps = clean.ask("ADD")
    clean.ask("DEL")
    measure = clean.left_on_host()

    for place, step in enumerate(all_steps):
        world = fresh(scenario)
        with pytest.raises(mortal.Killed):
            world.ask("ADD", die_at=place)
        world.host.run("ip", "netns", "delete", world.pod.name)
        world.ask("DEL")
        # The kernel takes a namespace down, and the host's ends of what was in it, when it finds the time.
        until(
            lambda world=world: world.left_on_host() <= measure,
            what=f"nothing to be left of {place} ({step})",
        )
