"""The agent away, busy, refused, exchanged and taken off the node."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.daemon.gate import Gate
from tests.failures.told import Ear
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane
from tests.support.netns import Netns
from tests.support.node import AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


@pytest.fixture
def lan(control_plane: ControlPlane, kube_namespace: str) -> str:
    """A further network."""
    kubeobjects.nad(
        control_plane, kube_namespace, "lan", {"cniVersion": "1.0.0", "type": "bridge", "bridge": "br1"}
    )
    return "lan"


@pytest.fixture
def gate(tmp_path: Path, peers: Path, control_plane: ControlPlane, kube_namespace: str) -> Gate:
    """The network 'held' waits there."""
    kubeobjects.nad(control_plane, kube_namespace, "held", {"cniVersion": "1.0.0", "type": "gate"})
    return Gate(tmp_path / "bin", peers)


def links_in(one: Sandbox) -> list[str]:
    return sorted(Netns(name=Path(one.netns).name).links())


def multinet(node: AgentNode, *args: object) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("multinet")
    command = node.host.command(str(program), *map(str, args), "--config", str(node.config))
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_01_no_network_is_left_out_while_the_agent_is_away(
    make_node: MakeNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str, lan: str
) -> None:
    node = make_node(agent={"shimWaitSeconds": 1}).start()
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    one = sandbox(lan)
    assert node.stop() == 0
    assert node.conflist.exists()

    assert ear.runtime(node.call("ADD", one)) == {
        "code": 11,
        "msg": "the multinet agent at NODE/run/agent.sock could not be reached within 1 second: No such file or "
        "directory",
        "details": "look at the multinet agent on this node: is it running, does it listen on NODE/run/agent.sock?",
    }
    assert links_in(one) == []
    assert ear.events(one, most=0) == []
    start = "python -m multinet.daemon --config NODE/config.yaml"
    assert ear.doctor("socket", "probes", "chain") == [
        f"wrong socket: no agent runs: NODE/run/agent.sock is not there -> {start}",
        f"wrong probes: no answer from the agent at unix:NODE/run/metrics.sock: No such file or directory -> {start}",
    ]

    node.start()
    node.call("ADD", one).ok()
    assert links_in(one) == ["eth0", "net1"]
    node.call("DEL", one).ok()


def test_02_a_storm_of_pods_waits_in_a_queue_with_an_end(
    make_node: MakeNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str, gate: Gate
) -> None:
    """The memory for all of it is fixed: so many in work, so many that wait, and whoever is refused comes again."""
    node = make_node(bin_dir=gate.folder, agent={"workers": 2, "queue": 1, "queueSeconds": 5}).start()
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    one, patient, refused = sandbox("held"), sandbox(), sandbox()
    held = node.begin("ADD", one)
    gate.wait_for("ADD")
    waiting = node.begin("ADD", patient)
    until(lambda: node.metric("multinet_queue_length") == 1, what="one to wait")

    again = (
        "the runtime will try again; look for a plugin that hangs (multinet_request_seconds, the agent's log)"
    )
    assert ear.runtime(node.call("ADD", refused)) == {
        "code": 11,
        "msg": "the multinet agent has too much to do: 1 calls are waiting already",
        "details": again,
    }
    assert ear.runtime(node.end(waiting)) == {
        "code": 11,
        "msg": "the multinet agent has too much to do: it has waited for 5 seconds",
        "details": again,
    }
    gate.open()
    node.end(held).ok()
    for said in [node.call("ADD", pod) for pod in (patient, refused)]:
        said.ok()
    for said in [node.call("DEL", pod) for pod in (one, patient, refused)]:
        said.ok()


def test_05_a_token_that_is_refused_is_named_and_a_new_one_counts_at_once(
    make_node: MakeNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str, lan: str
) -> None:
    node = make_node()
    token = node.folder / "token"
    token.write_text("that of the last boot")
    config = json.loads(control_plane.kubeconfig(AGENT).read_text())
    config["users"][0]["user"] = {"tokenFile": str(token)}
    (node.folder / "kubeconfig").write_text(json.dumps(config))
    node.write_settings(agent={"kubeconfig": str(node.folder / "kubeconfig")})
    node.start(ready=False)
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    ear.words[control_plane.server] = "SERVER"
    until(lambda: "401" in node.probe("readyz")[1], seconds=20)
    plain, one = sandbox(), sandbox(lan)

    node.call("ADD", plain).ok()
    assert ear.runtime(node.call("ADD", one)) == {
        "code": 999,
        "msg": "the API server refused to get network-attachment-definitions shop/lan: Unauthorized (401)",
        "details": "the agent's token is not accepted: see whether it has expired or its service account is gone\n"
        "request ID",
    }
    assert ear.events(one, most=0) == []
    why = (
        "Unauthorized (401) (the agent's token is not accepted: see whether it has expired or its service account is "
        "gone)"
    )
    unknown = "the cluster's pods and definitions are not known yet: the API server refused to list pods: "
    assert ear.plain(node.probe("readyz")[1]) == f"cluster: {unknown}{why}\n"
    assert ear.doctor("probes", "API") == [
        f"wrong probes: the agent is not ready to serve an ADD: cluster: {unknown}{why} -> ",
        f"wrong API: the API server refused to get /version: {why} -> kubectl --kubeconfig NODE/kubeconfig get --raw "
        "/readyz",
    ]

    token.write_text(control_plane.token(AGENT))
    node.wait_ready()
    node.call("ADD", one).ok()
    for said in [node.call("DEL", pod) for pod in (plain, one)]:
        said.ok()


def test_06_the_program_is_exchanged_while_it_runs(
    make_node: MakeNode, sandbox: MakeSandbox, tmp_path: Path
) -> None:
    programs = tmp_path / "opt"
    node = make_node(bin_dir=programs).start()
    newer = tmp_path / "newer"
    newer.write_bytes(node.shim.read_bytes() + b"\0")
    done = multinet(node, "install", "--bin-dir", programs, "--shim", node.shim)
    assert (done.returncode, done.stderr) == (0, "")
    node.shim = programs / "multinet"
    assert node.stop() == 0
    one = sandbox()
    waits = node.begin("ADD", one)
    until(lambda: os.readlink(f"/proc/{waits.pid}/exe") == str(node.shim), what="the shim to run")

    with pytest.raises(OSError, match="Text file busy") as busy:
        node.shim.open("r+b").close()
    assert busy.value.errno == errno.ETXTBSY
    done = multinet(node, "install", "--bin-dir", programs, "--shim", newer)
    assert (done.returncode, done.stderr) == (0, "")
    assert node.shim.read_bytes() == newer.read_bytes()
    node.start()
    node.end(waits).ok()
    node.call("DEL", one).ok()


def test_08_an_uninstall_leaves_the_node_as_it_was_before(
    make_node: MakeNode,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    lan: str,
    tmp_path: Path,
) -> None:
    programs = tmp_path / "opt"
    node = make_node().start()
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    assert multinet(node, "install", "--bin-dir", programs, "--shim", node.shim).returncode == 0
    one = sandbox(lan)
    ear.words[one.pod["metadata"]["name"]] = "POD"
    node.call("ADD", one).ok()

    refused = multinet(node, "uninstall", "--bin-dir", programs, "--wait", 0)
    assert (refused.returncode, ear.plain(refused.stderr)) == (
        1,
        "multinet: there are still pods on this node with networks of multinet: shop/POD (new pods get none any "
        "more; drain the node or delete these pods, and call this again. --force does not wait, and leaves their "
        "addresses taken until multinet is installed again)\n",
    )
    assert ear.doctor("chain") == [
        "wrong chain: this node is being left, by `multinet uninstall`: new pods get no further networks -> "
        "multinet install --config NODE/config.yaml"
    ]
    node.call("DEL", one).ok()
    assert multinet(node, "uninstall", "--bin-dir", programs).returncode == 0
    assert node.stop() == 0
    assert (os.listdir(node.conf_dir), os.listdir(programs)) == (["10-cluster.conflist"], [])
    assert [node.state.exists(), node.socket.parent.exists()] == [False, False]


def test_17_a_network_that_hangs_fails_alone_and_is_named(
    make_node: MakeNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str, gate: Gate
) -> None:
    node = make_node(bin_dir=gate.folder, agent={"requestSeconds": 8}).start()
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    slow, quick = sandbox("held"), sandbox()
    hangs = node.begin("ADD", slow)
    gate.wait_for("ADD")

    node.call("ADD", quick).ok()
    assert hangs.poll() is None
    says = "shop/held[gate]: gate ADD did not end within 8 seconds and was stopped"
    mend = "look at what BIN/gate waits for"
    assert ear.runtime(node.end(hangs)) == {"code": 11, "msg": says, "details": f"{mend}\nrequest ID"}
    assert ear.events(slow) == [f"Warning FailedNetworks: {says} ({mend}) [ID]"]
    assert ear.explain(slow) == []
    for said in [node.call("DEL", pod) for pod in (slow, quick)]:
        said.ok()


def test_20_an_agent_without_its_nodes_name_does_not_start_and_one_with_it_asks_for_its_own_pods(
    make_node: MakeNode, control_plane: ControlPlane
) -> None:
    nameless = make_node(name="")
    nameless.write_settings()
    env = {key: value for key, value in os.environ.items() if key != "NODE_NAME"}
    command = [sys.executable, "-m", "multinet.daemon", "--config", str(nameless.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env)
    assert (done.returncode, done.stderr) == (
        1,
        "multinet: this node's name is not known (set NODE_NAME in the agent's environment (spec.nodeName), or "
        "'agent.nodeName')\n",
    )
    before = len(control_plane.requests())
    nameless.name = "node-1"
    nameless.write_settings()
    nameless.start()
    asked = {
        parse_qs(one.uri.partition("?")[2])["fieldSelector"][0]
        for one in control_plane.requests()[before:]
        if one.resource == "pods"
    }
    assert asked == {"spec.nodeName=node-1"}
