"""What stands in the way of a start: one sentence, and nothing that was well is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

START_SECONDS = 30
BRIDGE = {"cniVersion": "1.0.0", "name": "cluster", "type": "bridge"}


def refused(config: Path, **env: str) -> str:
    """Start an agent that can't; what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "multinet.daemon", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env={"PATH": os.environ["PATH"], **env},
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def write(config: Path, *, agent: Mapping[str, Any] | None = None, **settings: Any) -> None:
    """Settings that would do, but for what is given here."""
    here = config.parent
    places = {"socket": here / "run" / "agent.sock", "cniConfDir": here / "net.d"}
    said = {key: str(place) for key, place in places.items()} | {"metrics": "", "nodeName": "n1"}
    content = {"stateDir": str(here / "state"), "folder": str(here / "cluster"), "delegates": [BRIDGE]}
    config.write_text(json.dumps({**content, **settings, "agent": {**said, **(agent or {})}}))


def test_without_a_file_the_settings_are_missing(config: Path):
    assert refused(config) == f"multinet: could not read the settings {config}: No such file or directory\n"


def test_without_the_nodes_name_the_sentence_says_where_it_comes_from(config: Path):
    write(config, folder="", agent={"nodeName": ""})
    assert refused(config) == (
        "multinet: this node's name is not known (set NODE_NAME in the agent's environment (spec.nodeName), "
        "or 'agent.nodeName')\n"
    )


def test_outside_of_a_pod_a_kubeconfig_is_needed(config: Path):
    write(config, folder="")
    assert refused(config) == (
        "multinet: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod "
        "(name a kubeconfig in the settings: agent.kubeconfig)\n"
    )


def test_a_kubeconfig_that_is_not_there_is_named(config: Path):
    write(config, folder="", agent={"kubeconfig": "/no/where"})
    assert refused(config) == (
        "multinet: kubeconfig /no/where: could not read it: No such file or directory\n"
    )


def test_a_socket_whose_path_is_too_long_says_so(config: Path):
    path = config.parent / ("x" * 100) / "agent.sock"
    write(config, agent={"socket": str(path)})
    assert refused(config) == (
        f"multinet: could not listen on {path}: AF_UNIX path too long (the setting 'agent.socket' names it)\n"
    )


def test_a_configuration_in_the_settings_that_could_not_be_run_is_said_at_once(config: Path):
    write(config, delegates=[BRIDGE, {"name": "more", "plugins": [{"mtu": 1500}]}])
    assert refused(config) == (
        "multinet: delegates[1]: error parsing configuration list: failed to parse plugin config 0: error "
        "parsing configuration: missing 'type' (name the plugin that is to be run)\n"
    )


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
def test_a_second_agent_ends_and_the_first_goes_on(node: AgentNode, sandbox: MakeSandbox):
    place = node.folder / "run" / "metrics.sock"
    assert refused(node.config) == (
        f"multinet: could not serve metrics and probes at {place}: Address already in use (another agent may "
        "be running; or give 'metrics' another address)\n"
    )
    one = sandbox()
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
def test_an_agent_whose_socket_was_taken_away_wants_to_be_started_anew(make_node: MakeNode):
    node = make_node().start()
    assert node.probe("livez") == (200, "ok\n")
    node.socket.unlink()
    until(lambda: node.probe("livez")[0] == 503)
    assert (
        node.probe("livez")[1]
        == f"socket: {node.socket} can't be reached any more: No such file or directory\n"
    )
    assert node.stop() == 0
    node.start()
    assert node.probe("livez") == (200, "ok\n")


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
def test_an_account_without_rights_is_told_by_readiness_and_plain_pods_start(
    make_node: MakeNode, sandbox: MakeSandbox, control_plane: ControlPlane
):
    node = make_node(agent={"kubeconfig": str(control_plane.kubeconfig("nobody"))}).start(ready=False)
    why = (
        "cluster: the cluster's pods and definitions are not known yet: the API server refused to list pods: "
        'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" at the cluster scope (403) '
        "(the agent's service account needs the rules of the ClusterRole multinet)\n"
    )
    until(lambda: node.probe("readyz") == (503, why), seconds=20)
    one = sandbox()
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()
