"""The agent, the shim, a plugin or the namespace dies at any moment: what was begun is finished or undone.

The agent that dies is the real one with a listener to its own steps (``mortal``), so that the moments are the
code's and not a clock's. What a clean ADD and DEL leave is the measure.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.daemon.gate import Gate
from tests.faults import facts
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.node import AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

MOMENTS = 16
"""So many places of a verb are tried with an agent that is started anew each time; tests/faults tries every one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mortal:
    """A node whose agent can be told when to die, and one pod with three networks."""

    node: AgentNode
    one: Sandbox

    def steps_of(self, verb: str) -> int:
        """Do it, undisturbed, and say how many steps it took."""
        file = self.node.folder / "steps"
        os.truncate(file, 0)
        self.node.call(verb, self.one).ok()
        return len(file.read_text().splitlines())

    def arm(self, what: str, step: int) -> None:
        new = self.node.folder / "arm.new"
        new.write_text(f"{what} {step}")
        new.rename(self.node.folder / "arm")

    def wait_dead(self) -> None:
        assert self.node.process is not None
        assert self.node.process.wait(20) == -signal.SIGKILL
        self.node.process = None

    def wait_stopped(self) -> None:
        assert self.node.process is not None
        status = Path(f"/proc/{self.node.process.pid}/stat")
        until(
            lambda: status.read_text().rpartition(") ")[2][0] == "T",
            seconds=20,
            what="the agent to be stopped",
        )

    def go_on(self) -> None:
        assert self.node.process is not None
        self.node.process.send_signal(signal.SIGCONT)

    def left(self) -> set[str]:
        """On the host, in the pod, on disk."""
        node = self.node
        found = facts.of_host(node.host)
        found |= {f"in the pod: {fact}" for fact in facts.of_container(self.inside)}
        found |= facts.of_files(node.state / "sandboxes", node.folder / "devinfo")
        return found | {f"address {address}" for address in node.addresses()}

    @property
    def inside(self) -> Netns:
        return Netns(name=Path(self.one.netns).name)


@pytest.fixture
def mortal(
    make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str, sandbox: MakeSandbox
) -> Mortal:
    node = make_node(program=("-m", "tests.daemon.mortal"))
    net_a = {"type": "bridge", "bridge": "br1", "ipam": node.host_local("10.8.0.0/16")}
    net_b = {"type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/16")}
    for name, conf in (("net-a", net_a), ("net-b", net_b)):
        kubeobjects.nad(control_plane, kube_namespace, name, {"cniVersion": "1.1.0", **conf})
    one = sandbox("net-a,net-b")
    node.start()
    made = Mortal(node=node, one=one)
    for verb in ("ADD", "DEL"):  # the bridges are made once
        node.call(verb, one).ok()
    return made


def moments(steps: int) -> list[int]:
    """The first, the last, and some between."""
    return sorted({1 + round(place * (steps - 1) / (MOMENTS - 1)) for place in range(MOMENTS)})


def test_an_add_whose_agent_is_killed_is_answered_by_the_next_one(mortal: Mortal):
    node, one = mortal.node, mortal.one
    steps = mortal.steps_of("ADD")
    mortal.steps_of("DEL")
    measure = mortal.left()
    for moment in moments(steps):
        mortal.arm("KILL", moment)
        call = node.begin("ADD", one)
        mortal.wait_dead()
        node.start()
        assert [link["name"] for link in node.end(call).ok()["interfaces"] if link.get("sandbox")] == ["eth0"]
        assert len(node.addresses()) == 3, f"killed before step {moment} of {steps}"
        node.call("CHECK", one).ok()
        node.call("DEL", one).ok()
        assert mortal.left() - measure == set(), f"killed before step {moment} of {steps}"


@pytest.mark.long
def test_an_add_whose_agent_and_shim_are_killed_is_cleared_by_del(mortal: Mortal):
    node, one = mortal.node, mortal.one
    steps = mortal.steps_of("ADD")
    mortal.steps_of("DEL")
    measure = mortal.left()
    for moment in moments(steps):
        mortal.arm("KILL", moment)
        call = node.begin("ADD", one)
        mortal.wait_dead()
        give_up(call)
        node.start()
        node.call("DEL", one).ok()
        assert mortal.left() - measure == set(), f"killed before step {moment} of {steps}"


@pytest.mark.long
def test_a_del_whose_agent_is_killed_is_answered_by_the_next_one(mortal: Mortal):
    node, one = mortal.node, mortal.one
    mortal.steps_of("ADD")
    steps = mortal.steps_of("DEL")
    measure = mortal.left()
    for moment in moments(steps):
        node.call("ADD", one).ok()
        mortal.arm("KILL", moment)
        call = node.begin("DEL", one)
        mortal.wait_dead()
        node.start()
        node.end(call).ok()
        assert mortal.left() - measure == set(), f"killed before step {moment} of {steps}"


def test_an_add_whose_shim_is_killed_is_finished_or_undone(mortal: Mortal):
    node, one = mortal.node, mortal.one
    steps = mortal.steps_of("ADD")
    mortal.steps_of("DEL")
    measure = mortal.left()
    for moment in range(1, steps + 1):
        mortal.arm("STOP", moment)
        call = node.begin("ADD", one)
        mortal.wait_stopped()
        give_up(call)
        mortal.go_on()
        until(lambda: running(node) == 0)
        if node.records():
            node.call("CHECK", one).ok()
        else:
            assert mortal.left() - measure == set(), f"stopped before step {moment} of {steps}"
        node.call("DEL", one).ok()
        assert mortal.left() - measure == set(), f"stopped before step {moment} of {steps}"


def test_a_del_whose_shim_is_killed_is_finished(mortal: Mortal):
    node, one = mortal.node, mortal.one
    mortal.steps_of("ADD")
    steps = mortal.steps_of("DEL")
    measure = mortal.left()
    for moment in range(1, steps + 1):
        node.call("ADD", one).ok()
        mortal.arm("STOP", moment)
        call = node.begin("DEL", one)
        mortal.wait_stopped()
        give_up(call)
        mortal.go_on()
        until(lambda: running(node) == 0)
        assert mortal.left() - measure == set(), f"stopped before step {moment} of {steps}"


# --- with a plugin of the host in the middle ---


@pytest.fixture
def gate(tmp_path: Path, peers: Path) -> Gate:
    return Gate(tmp_path / "bin", peers)


@pytest.fixture
def held(make_node: MakeNode, gate: Gate, control_plane: ControlPlane, kube_namespace: str) -> AgentNode:
    """A node whose further network 'held' waits at the gate."""
    kubeobjects.nad(control_plane, kube_namespace, "held", {"cniVersion": "1.0.0", "type": "gate"})
    return make_node(bin_dir=gate.folder).start()


def test_a_plugin_that_is_killed_fails_the_pod_and_all_is_undone(
    held: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    call = held.begin("ADD", one)
    gate.wait_for("ADD")
    gate.kill(one.id)
    error = held.end(call).error()
    assert error["msg"].endswith("gate failed without an error message (exit status -9)")
    assert "ended by SIGKILL" in error["details"]
    assert gate.visits() == ["ADD", "DEL"]
    assert (held.records(), held.addresses(), held.host.links()) == ([], [], ["br0"])
    held.call("DEL", one).ok()


def test_a_shim_that_is_killed_takes_its_plugin_along_and_del_clears(
    held: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    call = held.begin("ADD", one)
    gate.wait_for("ADD")
    give_up(call)
    plugin = Path("/proc", str(gate.pid(one.id)))
    until(lambda: not plugin.exists(), what="the plugin to die with the shim that ran it")
    until(lambda: running(held) == 0)
    # Its DEL could not be run without a shim, so it is still on record; the rest is undone.
    assert (held.records(), held.addresses()) == ([f"{one.id}@eth0.json"], [])
    held.call("DEL", one).ok()
    assert gate.visits() == ["ADD", "DEL"]
    assert (held.records(), held.addresses(), held.host.links()) == ([], [], ["br0"])


def test_a_namespace_may_go_while_its_pod_is_made(held: AgentNode, gate: Gate, sandbox: MakeSandbox):
    one = sandbox("held")
    call = held.begin("ADD", one)
    gate.wait_for("ADD")
    held.host.run("ip", "netns", "delete", Path(one.netns).name)
    gate.open()
    assert held.end(call).code in (0, 1)
    held.call("DEL", one).ok()
    assert (held.records(), held.addresses()) == ([], [])
    until(lambda: held.host.links() == ["br0"], what="the host's end to go with the namespace")


def test_an_add_that_is_asked_twice_at_once_is_made_once(held: AgentNode, gate: Gate, sandbox: MakeSandbox):
    one = sandbox("held")
    first = held.begin("ADD", one)
    gate.wait_for("ADD")
    second = held.begin("ADD", one)
    until(lambda: waiting(held) == 1)
    gate.open()
    assert held.end(first).ok() == held.end(second).ok()
    assert gate.visits() == ["ADD"]
    held.call("DEL", one).ok()
    assert (held.records(), held.addresses()) == ([], [])


def test_a_del_that_comes_in_the_middle_of_an_add_waits_and_clears(
    held: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    add = held.begin("ADD", one)
    gate.wait_for("ADD")
    delete = held.begin("DEL", one)
    until(lambda: waiting(held) == 1)
    gate.open()
    held.end(add).ok()
    held.end(delete).ok()
    assert gate.visits() == ["ADD", "DEL"]
    assert (held.records(), held.addresses(), held.host.links()) == ([], [], ["br0"])


def give_up(process: subprocess.Popen[bytes]) -> None:
    """As a runtime does at its own deadline."""
    process.kill()
    process.communicate()


def running(node: AgentNode) -> float:
    return node.metric("multinet_requests_running")


def waiting(node: AgentNode) -> float:
    return node.metric("multinet_queue_length")
