"""An agent that ends, is killed, is replaced, or is told other settings, while a runtime calls."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.daemon.gate import Gate
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


@pytest.fixture
def gate(tmp_path: Path, peers: Path) -> Gate:
    return Gate(tmp_path / "bin", peers)


@pytest.fixture
def held(make_node: MakeNode, gate: Gate, control_plane: ControlPlane, kube_namespace: str) -> AgentNode:
    """A node whose further network 'held' waits at the gate."""
    kubeobjects.nad(control_plane, kube_namespace, "held", {"cniVersion": "1.0.0", "type": "gate"})
    return make_node(bin_dir=gate.folder).start()


def in_the_middle(node: AgentNode, gate: Gate, one: Sandbox) -> subprocess.Popen[bytes]:
    """An ADD that has made its first network and waits in its second."""
    process = node.begin("ADD", one)
    until(lambda: gate.visits() == ["ADD"], seconds=20, what="the ADD to reach the gate")
    return process


def give_up(process: subprocess.Popen[bytes]) -> None:
    """As a runtime does at its own deadline."""
    process.kill()
    process.communicate()


def test_calls_of_the_gap_between_two_agents_are_answered_after_it(make_node: MakeNode, sandbox: MakeSandbox):
    node = make_node().start()
    sandboxes = [sandbox() for _ in range(4)]
    assert node.stop() == 0
    assert node.conflist.exists()
    calls = [node.begin("ADD", one) for one in sandboxes]
    assert [call.poll() for call in calls] == [None] * 4
    node.start()
    for call in calls:
        node.end(call).ok()
    for said in node.at_once("DEL", sandboxes):
        said.ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_an_agent_that_is_told_to_stop_finishes_what_runs(held: AgentNode, gate: Gate, sandbox: MakeSandbox):
    one = sandbox("held")
    call = in_the_middle(held, gate, one)
    assert held.process is not None
    held.process.terminate()
    until(lambda: not held.socket.exists(), what="the agent to take no more calls")
    gate.open()
    assert held.end(call).ok()["ips"]
    assert held.process.wait(20) == 0
    assert held.records() == [f"{one.id}@eth0.json"]
    held.process = None
    held.start()
    held.call("CHECK", one).ok()
    held.call("DEL", one).ok()
    assert (held.records(), held.addresses()) == ([], [])


def test_an_agent_that_is_killed_in_an_add_does_it_again_after_its_return(
    held: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    call = in_the_middle(held, gate, one)
    assert len(held.addresses()) == 1
    held.kill()
    gate.open()
    held.start()
    assert held.end(call).ok()["ips"][0]["address"].startswith("10.244.")
    assert gate.visits() == ["ADD", "DEL", "ADD"]
    assert len(held.addresses()) == 1
    held.call("CHECK", one).ok()
    held.call("DEL", one).ok()
    assert (held.records(), held.addresses()) == ([], [])


def test_a_runtime_that_gives_up_leaves_nothing_that_its_del_does_not_clear(
    held: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    give_up(in_the_middle(held, gate, one))
    gate.open()
    held.call("DEL", one).ok()
    assert (held.records(), held.addresses()) == ([], [])
    assert held.host.links() == ["br0"]


def test_what_a_killed_agent_left_half_done_is_cleared_by_the_del_that_follows(
    held: AgentNode, gate: Gate, sandbox: MakeSandbox
):
    one = sandbox("held")
    call = in_the_middle(held, gate, one)
    held.kill()
    give_up(call)
    gate.open()
    held.start()
    held.call("DEL", one).ok()
    assert (held.records(), held.addresses()) == ([], [])
    assert held.host.links() == ["br0"]


def test_an_add_whose_plugin_hangs_takes_back_what_other_plugins_made(
    make_node: MakeNode, gate: Gate, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
):
    """Its time is over then; but what the programs of the host have made, only they can take back."""
    kubeobjects.nad(control_plane, kube_namespace, "held", {"cniVersion": "1.0.0", "type": "gate"})
    own = {"executables": ["bridge", "host-local"]}
    node = make_node(bin_dir=gate.folder, settings=own, agent={"requestSeconds": 2}).start()
    one = sandbox("held")
    error = node.call("ADD", one).error()
    assert (error["code"], "gate ADD did not end within" in error["msg"]) == (11, True)
    assert "could not" not in error["details"]
    assert gate.visits() == ["ADD", "DEL"]
    assert (node.records(), node.addresses(), node.host.links()) == ([], [], ["br0"])


def test_settings_that_are_wrong_change_nothing_and_right_ones_count_at_once(
    make_node: MakeNode, control_plane: ControlPlane, sandbox: MakeSandbox, kube_namespace: str
):
    other = kubeobjects.namespace(control_plane)
    node = make_node()
    conf = {"cniVersion": "1.0.0", "type": "bridge", "bridge": "br1", "ipam": node.host_local("10.6.0.0/24")}
    kubeobjects.nad(control_plane, other, "elsewhere", conf)
    node.start()

    node.write_settings(namespaceIsolatoin=True)

    def said(event: str) -> list[dict[str, object]]:
        return [line for line in node.lines() if line["event"] == event]

    refused = until(lambda: said("settings not taken over: the old ones stay"), seconds=10)
    assert refused[0]["error"] == (
        f"{node.config}: the key 'namespaceIsolatoin' is not known here (did you mean 'namespaceIsolation'?)"
    )
    node.write_settings(delegates=[{"name": "x", "type": "bridge"}, {"name": "y"}])
    refused = until(lambda: said("settings not taken over: the old ones stay")[1:], seconds=10)
    assert str(refused[0]["error"]).startswith("delegates[1]: ")
    one = sandbox(f"{other}/elsewhere")
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()

    node.write_settings(namespaceIsolation=True, agent={"workers": 8})
    until(lambda: said("settings taken over"), seconds=10)
    assert said("settings taken over")[0]["keys"] == ["namespaceIsolation"]
    assert said("settings that only count after a restart have changed")[0]["keys"] == ["agent.workers"]
    assert node.call("ADD", one).error()["code"] == 7
    assert (node.records(), node.addresses()) == ([], [])


def test_without_the_clusters_own_network_the_runtime_is_told_to_come_again(
    make_node: MakeNode, sandbox: MakeSandbox
):
    node = make_node()
    primary = node.conf_dir / "10-cluster.conflist"
    kept = primary.read_bytes()
    primary.unlink()
    node.start(ready=False)
    until(lambda: node.socket.exists(), seconds=20)
    assert not node.conflist.exists()
    one = sandbox()
    until(lambda: str(node.conf_dir) in node.call("STATUS").error()["msg"])  # it may not be in sync at first
    assert node.call("STATUS").error()["code"] == 50
    assert node.call("ADD", one).error()["code"] == 11
    assert node.probe("readyz")[0] == 503
    node.call("DEL", one).ok()
    primary.write_bytes(kept)
    node.wait_ready()
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()


def test_what_another_took_away_is_put_back_and_told(node: AgentNode):
    node.conflist.rename(node.conflist.with_suffix(".conflist.cilium_bak"))
    until(node.conflist.exists, seconds=10)
    assert json.loads(node.conflist.read_text())["plugins"][0]["type"] == "multinet"
    problems = [line["problem"] for line in node.lines() if line["event"] == "primary network"]
    assert any("cni.exclusive=false" in problem for problem in problems)


def test_metrics_tell_what_was_done(node: AgentNode, sandbox: MakeSandbox):
    one = sandbox()
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()
    status, text = node.probe("metrics")
    assert status == 200
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['multinet_requests_total{code="0",verb="ADD"}'] == "1.0"
    assert lines['multinet_requests_total{code="0",verb="DEL"}'] == "1.0"
    assert lines['multinet_delegate_seconds_count{type="bridge",verb="ADD"}'] == "1.0"
    assert lines['multinet_cache_in_sync{cache="pods"}'] == "1.0"
    assert lines['multinet_api_requests_total{code="200",resource="pods",verb="list"}'] == "1.0"
    assert lines["multinet_records"] == "0.0"
    assert {node.probe(path)[0] for path in ("livez", "readyz", "startz")} == {200}
