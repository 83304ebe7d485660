"""A node that is left while pods run on it, and one that multinet comes back to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeSandbox
from tests.support import kubeobjects, netns
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.node import AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    return tmp_path / "opt" / "cni" / "bin"


@pytest.fixture
def used(node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str) -> Sandbox:
    """A pod with a further network."""
    lan = {
        "cniVersion": "1.1.0",
        "type": "bridge",
        "bridge": "br-lan",
        "ipam": node.host_local("10.9.0.0/24"),
    }
    kubeobjects.nad(control_plane, kube_namespace, "lan", lan)
    made = sandbox("lan")
    node.call("ADD", made).ok()
    return made


def multinet(node: AgentNode, *args: object) -> subprocess.CompletedProcess[str]:
    """The command, as a pod in the host's network namespace runs it."""
    program = Path(sys.executable).with_name("multinet")
    command = node.host.command(str(program), *map(str, args))
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def install(node: AgentNode, programs: Path) -> None:
    done = multinet(node, "install", "--config", node.config, "--bin-dir", programs, "--shim", node.shim)
    assert done.returncode == 0, done.stderr


def uninstall(node: AgentNode, programs: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return multinet(node, "uninstall", "--config", node.config, "--bin-dir", programs, *more)


def end_by_the_cluster_network(one: Sandbox) -> None:
    """The runtime has torn it down without us."""
    netns.remove(Netns(name=Path(one.netns).name))


def links_in(one: Sandbox) -> list[str]:
    return sorted(Netns(name=Path(one.netns).name).links())


def test_a_node_in_use_is_left_when_its_last_pod_has_ended(node: AgentNode, used: Sandbox, programs: Path):
    install(node, programs)
    refused = uninstall(node, programs, "--wait", 0)
    pod = f"{used.pod['metadata']['namespace']}/{used.pod['metadata']['name']}"
    assert refused.returncode == 1
    assert refused.stdout == f"removed {node.conflist}\n"
    assert refused.stderr == (
        f"multinet: there are still pods on this node with networks of multinet: {pod} (new pods get none any more; "
        "drain the node or delete these pods, and call this again. --force does not wait, and leaves their addresses "
        "taken until multinet is installed again)\n"
    )
    assert links_in(used) == ["eth0", "net1"]
    assert (programs / "multinet").exists()

    end_by_the_cluster_network(used)
    done = uninstall(node, programs)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"removed {programs}/multinet\n"
    assert node.addresses() == []
    assert not node.conflist.exists()
    assert node.probe("livez")[0] == 200
    assert node.stop() == 0
    assert not node.state.exists()
    assert not node.socket.parent.exists()
    assert os.listdir(programs) == []


def test_the_agent_answers_for_the_pods_that_are_left(node: AgentNode, used: Sandbox, programs: Path):
    assert uninstall(node, programs, "--wait", 0).returncode == 1
    node.call("CHECK", used).ok()
    node.call("DEL", used).ok()
    assert (node.records(), node.addresses()) == ([], [])
    assert uninstall(node, programs).returncode == 0


def test_its_file_stays_away_until_it_is_installed_again(node: AgentNode, programs: Path):
    ours = node.conflist.read_bytes()
    assert uninstall(node, programs, "--wait", 0).returncode == 0
    node.conflist.write_bytes(ours)  # as an agent does that has not looked yet
    until(lambda: not node.conflist.exists(), seconds=20, what="the agent to take it away")
    install(node, programs)
    until(node.conflist.exists, seconds=20, what="the runtime's configuration")


def test_with_force_what_pods_use_stays_for_the_next_install(node: AgentNode, used: Sandbox, programs: Path):
    install(node, programs)
    done = uninstall(node, programs, "--wait", 0, "--force")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"removed {node.conflist}", f"removed {programs}/multinet"]
    kept = f"kept {node.state}, for a later install: there are still pods on this node with networks of multinet: "
    assert done.stderr.splitlines()[-1].startswith(kept)
    assert links_in(used) == ["eth0", "net1"]
    assert node.stop() == 0
    assert node.records() == [f"{used.id}@eth0.json"]
    end_by_the_cluster_network(used)

    install(node, programs)
    node.write_settings(agent={"reconcileSeconds": 1})
    node.start()
    until(lambda: node.records() == [], seconds=60, what="the next agent to clear up")
    assert node.addresses() == []


def test_somebody_else_s_file_of_that_name_is_not_removed(node: AgentNode, programs: Path):
    node.stop()
    node.conflist.write_text('{"cniVersion": "1.0.0", "name": "theirs", "plugins": [{"type": "bridge"}]}')
    assert uninstall(node, programs).returncode == 0
    assert node.conflist.exists()
