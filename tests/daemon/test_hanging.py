"""Plugins that hang, and a GC that comes at the wrong moment: how far one pod's trouble reaches."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.daemon.gate import Gate
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

WORKERS = 8
HEAVY = WORKERS // 2
"""So many ADDs run at once; the other workers are for DEL."""
OUTER = WORKERS - WORKERS // 4
"""And so many calls of the runtime; the rest is for what running plugins call."""
QUEUE_SECONDS = 2


@pytest.fixture
def gate(tmp_path: Path, peers: Path) -> Gate:
    return Gate(tmp_path / "bin", peers)


@pytest.fixture
def node(make_node: MakeNode, gate: Gate, control_plane: ControlPlane, kube_namespace: str) -> AgentNode:
    """Few workers, no patience, and a network 'held' that waits at the gate."""
    kubeobjects.nad(control_plane, kube_namespace, "held", {"cniVersion": "1.0.0", "type": "gate"})
    return make_node(
        bin_dir=gate.folder, agent={"workers": WORKERS, "queueSeconds": QUEUE_SECONDS, "kernelAdds": 2}
    ).start()


def begin_all(
    node: AgentNode, gate: Gate, verb: str, sandboxes: Sequence[Sandbox]
) -> list[subprocess.Popen[bytes]]:
    """Return when all of them hang."""
    before = gate.visits().count(verb)
    calls = [node.begin(verb, one) for one in sandboxes]
    there = before + len(calls)
    until(lambda: gate.visits().count(verb) == there, seconds=20, what=f"{len(calls)} {verb} to hang")
    return calls


def test_adds_that_hang_hold_up_nobody_else_while_there_are_workers(
    node: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    hanging = [sandbox("held") for _ in range(HEAVY - 1)]  # more than may work at once
    calls = begin_all(node, gate, "ADD", hanging)
    others = [sandbox() for _ in range(4)]
    for said in node.at_once("ADD", others):
        said.ok()
    for said in node.at_once("DEL", others):
        said.ok()
    gate.open()
    for call in calls:
        node.end(call).ok()
    for said in node.at_once("DEL", hanging):
        said.ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_when_all_that_may_add_hang_the_next_is_told_to_come_again_and_del_goes_on(
    node: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    running = sandbox()
    node.call("ADD", running).ok()
    hanging = [sandbox("held") for _ in range(HEAVY)]
    calls = begin_all(node, gate, "ADD", hanging)
    refused = sandbox()
    waits = node.begin("ADD", refused)
    node.call("DEL", running).ok()
    error = node.end(waits).error()
    assert (error["code"], error["msg"]) == (
        11,
        f"the multinet agent has too much to do: it has waited for {QUEUE_SECONDS} seconds",
    )
    gate.open()
    for call in calls:
        node.end(call).ok()
    node.call("ADD", refused).ok()
    for said in node.at_once("DEL", [*hanging, refused]):
        said.ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_when_all_that_may_run_hang_in_a_del_the_next_call_is_told_to_come_again(
    node: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    gate.open()
    hanging = [sandbox("held") for _ in range(OUTER)]
    for said in node.at_once("ADD", hanging):
        said.ok()
    gate.hold("DEL")
    calls = begin_all(node, gate, "DEL", hanging[:-1])
    one = sandbox()
    node.call("ADD", one).ok()
    calls += begin_all(node, gate, "DEL", hanging[-1:])
    assert node.call("DEL", one).error()["code"] == 11
    gate.open()
    for call in calls:
        node.end(call).ok()
    node.call("DEL", one).ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_retries_for_a_sandbox_that_hangs_take_no_further_worker(
    node: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    """A runtime whose DEL timed out says it again, and again."""
    one = sandbox("held")
    calls = begin_all(node, gate, "ADD", [one])
    calls += [node.begin("DEL", one) for _ in range(WORKERS)]
    other = sandbox()
    node.call("ADD", other).ok()
    node.call("DEL", other).ok()
    gate.open()
    for call in calls:
        node.end(call).ok()
    assert gate.visits() == ["ADD", "DEL"]
    assert (node.records(), node.addresses()) == ([], [])


# --- GC ---


def gc(node: AgentNode, *valid: Sandbox) -> subprocess.Popen[bytes]:
    listed = [{"containerID": one.id, "ifname": one.ifname} for one in valid]
    return node.begin("GC", **{"cni.dev/valid-attachments": listed, "cni.dev/attachments": listed})


def test_gc_with_an_older_list_leaves_a_pod_alone_that_is_being_made(
    node: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    [call] = begin_all(node, gate, "ADD", [one])
    held = node.addresses()
    node.end(gc(node)).ok()
    assert node.addresses() == held
    gate.open()
    node.end(call).ok()
    node.call("CHECK", one).ok()
    node.call("DEL", one).ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_gc_leaves_alone_whose_add_ended_while_it_ran(node: AgentNode, gate: Gate, sandbox: MakeSandbox):
    """Begun before the GC or after it: what was not answered when it came can't be in its list."""
    gate.open()
    stale = sandbox("held")
    node.call("ADD", stale).ok()
    gate.hold("DEL")
    collecting = gc(node)
    until(lambda: gate.visits()[-1] == "DEL", seconds=20, what="GC to hang in the first sandbox")
    pods = [sandbox("held") for _ in range(2)]
    for one in pods:
        node.call("ADD", one).ok()
    held = node.addresses()
    gate.open()
    node.end(collecting).ok()
    assert node.records() == sorted(f"{one.id}@eth0.json" for one in pods)
    assert len(node.addresses()) == len(held) - 1
    for one in pods:
        node.call("CHECK", one).ok()
        node.call("DEL", one).ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_an_add_waits_while_networks_are_told_who_is_left(
    node: AgentNode, gate: Gate, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
):
    """An IPAM plugin would free what it reserves meanwhile."""
    kubeobjects.nad(control_plane, kube_namespace, "told", {"cniVersion": "1.1.0", "type": "gate"})
    gate.open()
    standing, late = sandbox("told"), sandbox()
    until(lambda: node.call("ADD", standing).code == 0, what="the definition to be known")
    gate.hold("GC")
    collecting = gc(node, standing)
    until(lambda: gate.visits()[-1] == "GC", seconds=20, what="GC to hang in a network")
    call = node.begin("ADD", late)
    until(lambda: node.metric("multinet_requests_running") == 2)
    assert node.records() == [f"{standing.id}@eth0.json"]
    gate.open()
    node.end(collecting).ok()
    node.end(call).ok()
    for one in (standing, late):
        node.call("CHECK", one).ok()
        node.call("DEL", one).ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_gcs_among_adds_take_nothing_from_anybody(node: AgentNode, gate: Gate, sandbox: MakeSandbox):
    """The list names nobody each time, as one would that is always too old."""
    gate.open()
    pods = [sandbox("held") for _ in range(12)]
    adds = [node.begin("ADD", one) for one in pods]
    collections = [gc(node) for _ in range(3)]
    for call in [*adds, *collections]:
        node.end(call).ok()
    standing = [one for one in pods if f"{one.id}@eth0.json" in node.records()]
    assert len(node.addresses()) == len(standing)
    for one in standing:
        node.call("CHECK", one).ok()
    for said in node.at_once("DEL", pods):
        said.ok()
    assert (node.records(), node.addresses()) == ([], [])
