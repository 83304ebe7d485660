"""Others write into the runtime's folder, too: the cluster's own network changes, and our file is taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space, ready
from e2e.scenarios.networks import bridge
from tests.support.places import path_of
from tests.support.wait import until

FOLDER = "/etc/cni/net.d"
OURS = "00-multinet.conflist"
SECONDS = 30.0
AGENT_SECONDS = 120.0
"""For a DaemonSet that is made anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Primary:
    """The file of the cluster's own network on the first node."""

    space: Space
    path: str
    text: str

    @property
    def conf(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def write(self, text: str) -> None:
        """In place, as a careless program does it."""
        self.space.driver.shell(self.space.driver.nodes[0], "tee", self.path, input=text)

    def remove(self) -> None:
        self.space.driver.shell(self.space.driver.nodes[0], "rm", self.path)


@pytest.fixture
def primary(space: Space) -> Iterator[Primary]:
    """As it was before, after the test."""
    node = space.driver.nodes[0]
    names = sorted(space.driver.shell(node, "ls", FOLDER).stdout.split())
    path = next(f"{FOLDER}/{name}" for name in names if name != OURS and name.endswith(("conf", "conflist")))
    found = Primary(space=space, path=path, text=space.driver.shell(node, "cat", path).stdout)
    yield found
    found.write(found.text)


def mtu(space: Space, name: str) -> int:
    """Of a new pod."""
    space.pod(name, "lan", node=space.driver.nodes[0])
    space.wait_ready(name)
    inside = space.inside(name)
    assert list(inside.interfaces) == ["eth0", "net1"]
    return inside.interfaces["eth0"].mtu


def test_a_primary_configuration_that_is_half_written_is_not_used_and_the_next_whole_one_is(
    space: Space, primary: Primary
):
    space.define("lan", bridge(space, 27))
    before = mtu(space, "before")
    changed = primary.conf
    changed["plugins"][0]["mtu"] = before - 100
    text = json.dumps(changed)

    primary.write(text[: len(text) // 2])
    assert mtu(space, "meanwhile") == before
    primary.write(text)
    until(
        lambda: mtu(space, f"after-{len(space.pods())}") == before - 100,
        seconds=SECONDS,
        what="pods to have what the new configuration says",
    )


def test_a_primary_configuration_that_is_removed_is_used_as_it_was_also_by_an_agent_that_starts_anew(
    space: Space, primary: Primary, multinet: Multinet
):
    space.define("lan", bridge(space, 27))
    node = space.driver.nodes[0]
    before = mtu(space, "before")
    primary.remove()
    assert mtu(space, "meanwhile") == before

    restarts = multinet.restarts(node)
    multinet.kill(node)
    until(lambda: multinet.restarts(node) == restarts + 1, seconds=SECONDS, what="the agent to be killed")
    multinet.wait_ready()
    assert mtu(space, "after") == before


@pytest.fixture
def nothing_yet(space: Space, multinet: Multinet, primary: Primary) -> Iterator[None]:
    """The first node has no network, and multinet is put on it as on a new one."""
    multinet.leave()
    primary.remove()
    multinet.apply()
    yield
    if space.driver.shell(space.driver.nodes[0], "test", "-e", primary.path, check=False).returncode:
        primary.write(primary.text)
    multinet.come_back()


@pytest.mark.usefixtures("nothing_yet")
def test_pods_of_a_node_whose_primary_configuration_comes_late_wait_for_it_and_then_start_by_themselves(
    space: Space, primary: Primary, multinet: Multinet
):
    first, second = space.driver.nodes[:2]
    space.define("lan", bridge(space, 27))
    until(
        lambda: multinet.running(first) and multinet.running(second) and ready(multinet.agent(second)),
        seconds=AGENT_SECONDS,
        what="both agents to run, and that of the other node to be ready",
    )
    space.pod("here", "lan", node=first)
    space.pod("there", "lan", node=second)
    space.wait_ready("there")
    assert list(space.inside("there").interfaces) == ["eth0", "net1"]

    assert not ready(multinet.agent(first))
    code, said = multinet.probe(first, "readyz")
    assert code != 0
    assert "primary" in said or FOLDER in said, said
    until(
        lambda: not ready(space.driver.api.get(path_of("v1", "Node", first))),
        seconds=AGENT_SECONDS,
        what="the kubelet to tell that its node has no network",
    )
    assert OURS not in space.driver.shell(first, "ls", FOLDER).stdout
    waiting = space.get("here")
    assert waiting is not None
    assert waiting["status"]["phase"] == "Pending"
    assert "podIP" not in waiting["status"]

    primary.write(primary.text)
    space.wait_ready("here")
    assert list(space.inside("here").interfaces) == ["eth0", "net1"]
    assert space.status("here")[0]["name"] == space.status("there")[0]["name"] == primary.conf["name"]
    multinet.wait_ready()
    assert multinet.restarts(first) == 0


@pytest.mark.parametrize(
    "harm",
    [f"mv {OURS} {OURS}.bak", f"rm {OURS}", f"echo half > {OURS}"],
    ids=["renamed", "removed", "damaged"],
)
def test_our_configuration_that_somebody_takes_away_is_put_back(space: Space, harm: str):
    node = space.driver.nodes[0]
    space.define("lan", bridge(space, 27))
    before = space.driver.shell(node, "cat", f"{FOLDER}/{OURS}").stdout
    space.driver.shell(node, "sh", "-c", f"cd {FOLDER} && {harm}")
    until(
        lambda: space.driver.shell(node, "cat", f"{FOLDER}/{OURS}", check=False).stdout == before,
        seconds=SECONDS,
        what="our configuration to be back",
    )
    space.driver.shell(node, "rm", "-f", f"{FOLDER}/{OURS}.bak")
    space.pod("one", "lan", node=node)
    space.wait_ready("one")
    assert list(space.inside("one").interfaces) == ["eth0", "net1"]
