"""``multinet doctor`` as it is typed: beside a real agent, and of a real cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet import __version__
from multinet.cli.checks import api, clock
from multinet.cli.checks.finding import State
from multinet.daemon.startup import TAINT
from multinet.kube.access import Access
from tests.cli.settings_of_a_node import NodeFiles, run
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, AGENT, NOBODY, ControlPlane
from tests.support.node import AgentNode


@pytest.fixture
def node(tmp_path: Path) -> NodeFiles:
    made = NodeFiles(folder=tmp_path)
    made.write()
    return made


def test_settings_that_can_not_be_read_are_said_at_once(node: NodeFiles) -> None:
    node.config.write_text("stateDirs: /x")

    assert node.run("doctor", fails=1).stderr == (
        f"multinet: {node.config}: the key 'stateDirs' is not known here (did you mean 'stateDir'?)\n"
    )


@pytest.mark.kernel
@pytest.mark.cluster
def test_with_an_agent_that_serves_nothing_is_wrong(
    make_node: Callable[..., AgentNode], tmp_path: Path, shim: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "multinet").write_bytes(shim.read_bytes())
    (programs / "multinet").chmod(0o755)
    serving = make_node(bin_dir=programs).start()
    said = run("doctor", "--config", str(serving.config), "-o", "json").stdout
    found = {one["check"]: one for one in json.loads(said) if one["state"] == "ok"}

    # Whether folders outlive a restart, and whose namespaces there are, is this machine's own affair.
    assert {
        *("socket", "probes", "version", "program", "chain", "primary network", "rights"),
        *("kernel parameters", "kernel", "API", "clock", "definitions", "rights at the API", "journal"),
    } <= set(found)
    assert found["version"]["message"] == f"the agent is multinet {__version__}"
    assert [one["check"] for one in json.loads(said) if one["state"] == "wrong"] == []


@pytest.mark.cluster
def test_a_clock_that_is_wrong_is_told_beside_the_api_servers(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = clock.time.time
    monkeypatch.setattr(clock.time, "time", lambda: real() - 90)
    (finding,) = clock.beside(Access.of_kubeconfig(control_plane.kubeconfig(ADMIN)))

    assert finding.state is State.WRONG
    assert finding.says.removesuffix(" seconds behind the API server's") in (
        "the clock is 89",
        "the clock is 90",
        "the clock is 91",
    )


AGENTS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
LABELS = {"app.kubernetes.io/name": "multinet"}


def cluster(plane: ControlPlane, user: str = ADMIN, fails: int = 0) -> list[dict[str, str]]:
    said = run("doctor", "--kubeconfig", str(plane.kubeconfig(user)), "-o", "json", fails=fails).stdout
    found: list[dict[str, str]] = json.loads(said)
    return found


def of(found: list[dict[str, str]], check: str) -> list[tuple[str, str, str]]:
    return [(one["state"], one["message"], one["command"]) for one in found if one["check"] == check]


@pytest.mark.cluster
def test_a_cluster_is_told_by_its_agents_taints_and_pods(control_plane: ControlPlane) -> None:
    namespace = kubeobjects.namespace(control_plane)
    kubeobjects.node(control_plane, namespace, {"key": TAINT, "effect": "NoSchedule"})
    asked = kubeobjects.pod(control_plane, namespace, "web", {"k8s.v1.cni.cncf.io/networks": "lan"})
    running = {"status": {"phase": "Running"}}
    control_plane.ask(
        "PATCH",
        f"/api/v1/namespaces/{namespace}/pods/{asked['metadata']['name']}/status",
        running,
        content_type="application/merge-patch+json",
    )
    without = cluster(control_plane, fails=1)
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"serviceAccountName": "multinet", "containers": [{"name": "agent", "image": "none"}]},
    }
    made = control_plane.ask(
        "POST",
        AGENTS,
        {
            "metadata": {"name": "multinet", "labels": LABELS},
            "spec": {"selector": {"matchLabels": LABELS}, "template": template},
        },
    )
    try:
        said = {
            "desiredNumberScheduled": 2,
            "currentNumberScheduled": 1,
            "numberMisscheduled": 0,
            "numberReady": 0,
        }
        control_plane.ask(
            "PATCH",
            f"{AGENTS}/multinet/status",
            {"status": said},
            content_type="application/merge-patch+json",
        )
        pod = _agent_pod(control_plane, made)
        found = cluster(control_plane, fails=1)
    finally:
        control_plane.ask("DELETE", f"{AGENTS}/multinet")
        kubeobjects.delete_pod(control_plane, "kube-system", "multinet-abcde")
        control_plane.ask("DELETE", f"/api/v1/nodes/{namespace}")

    assert of(without, "agents") == [
        (
            "wrong",
            "no DaemonSet has the label app.kubernetes.io/name=multinet: multinet is not installed, or by hand",
            "kubectl apply -k deploy/overlays/containerd",
        )
    ]
    assert of(found, "agents") == [
        (
            "wrong",
            "the agent on node-1 is not ready: CrashLoopBackOff: back-off 40s",
            f"kubectl -n kube-system describe pod {pod}",
        ),
        ("wrong", "1 of 2 nodes have no agent", "kubectl -n kube-system describe daemonset multinet"),
    ]
    assert of(found, "rights at the API") == [
        ("ok", f"the account {AGENT} may do all that the agent does", "")
    ]
    assert (
        "wrong",
        f"{namespace} has the taint {TAINT}, which the agent takes away once it can serve: no pod is put there",
        f"kubectl taint node {namespace} {TAINT}-",
    ) in of(found, "taints")
    assert (
        "warning",
        f"{namespace}/web on node-1 runs, and nothing is told of the networks that it asks for",
        f"kubectl -n {namespace} delete pod web",
    ) in of(found, "pods")


def _agent_pod(plane: ControlPlane, owner: dict[str, Any]) -> str:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 40s"}
    state = {
        "name": "agent",
        "image": "none",
        "imageID": "",
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": waiting},
    }
    path = "/api/v1/namespaces/kube-system/pods"
    reference = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": "multinet",
        "uid": owner["metadata"]["uid"],
    }
    body = {
        "metadata": {"name": "multinet-abcde", "labels": LABELS, "ownerReferences": [reference]},
        "spec": {
            "nodeName": "node-1",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "agent", "image": "none"}],
        },
    }
    plane.ask("POST", path, body)
    status = {"status": {"phase": "Running", "containerStatuses": [state]}}
    plane.ask("PATCH", f"{path}/multinet-abcde/status", status, content_type="application/merge-patch+json")
    return "multinet-abcde"


@pytest.mark.cluster
def test_a_user_who_may_nothing_is_told_what_was_refused(control_plane: ControlPlane) -> None:
    found = cluster(control_plane, NOBODY, fails=1)

    assert [one["state"] for one in found] == ["ok", "ok", "wrong"]
    assert found[2]["message"].startswith(
        'the API server refused to list daemonsets: daemonsets.apps is forbidden: User "nobody" cannot list'
    )


def test_the_rights_that_are_looked_at_are_those_of_the_manifest() -> None:
    documents = yaml.safe_load_all(kubeobjects.RBAC.read_text())
    (rules,) = (one["rules"] for one in documents if one["kind"] == "ClusterRole")

    assert sorted(api.RIGHTS) == sorted(
        api.Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def test_it_does_without_the_packages_that_the_image_leaves_out(node: NodeFiles) -> None:
    """In a process of its own: this one has everything already."""
    script = (
        "import sys; sys.modules |= {'rich': None, 'kubernetes': None}\n"
        "from multinet.cli import main\n"
        "for command in ('doctor', 'ls', 'ipam', 'graph'):\n"
        f"    try: main([command, '--config', {str(node.config)!r}])\n"
        "    except SystemExit as end: print(command, end.code, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stderr == "doctor 1\nls 0\nipam 0\ngraph 0\n"
