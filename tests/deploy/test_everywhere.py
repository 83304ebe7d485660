"""`multinet uninstall-everywhere` with the rights of its Job: a pod on each node that has an agent, and its words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from multinet.cli.node_pods import Errand, pod_for
from multinet.errors import InvalidConfig
from tests.deploy import rendering
from tests.deploy.applying import apply
from tests.deploy.kubelets import PODS, Kubelets, kubelets
from tests.deploy.rendering import DEPLOY, OVERLAYS, one, overlay
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane

DONE = ("Succeeded", "removed /etc/cni/net.d/00-multinet.conflist\nremoved /opt/cni/bin/multinet\n")
LEFT = ("Failed", "multinet: there are still pods on this node with networks of multinet: shop/cart-0\n")
ERRAND = Errand(namespace="kube-system", daemon_set="multinet", options=("--wait=5",), seconds=5.0)

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def installed(plane: ControlPlane) -> None:
    """What is applied, and agents on two of three nodes."""
    apply(plane, *overlay("k3s"), *rendering.kustomize(DEPLOY / "uninstall"))
    for node in ("left-1", "left-2", "left-3"):
        kubeobjects.node(plane, node)
    for node in ("left-1", "left-2"):
        body = {
            "metadata": {"name": f"agent-{node}", "labels": {"app.kubernetes.io/name": "multinet"}},
            "spec": {"nodeName": node, "containers": [{"name": "agent", "image": "none"}]},
        }
        plane.ask("POST", PODS, body)


@pytest.fixture
def command(plane: ControlPlane, installed: None, tmp_path: Path) -> Command:
    """With the token of the Job's pod."""
    path = "/api/v1/namespaces/kube-system/serviceaccounts/multinet-uninstall/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = plane.ask("POST", path, request)["status"]["token"]
    kubeconfig = json.loads(plane.kubeconfig("admin").read_text())
    kubeconfig["users"] = [{"name": "u", "user": {"token": token}}]
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig))

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("multinet")
        argv = [str(program), "uninstall-everywhere", f"--kubeconfig={file}", *options]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def nodes(plane: ControlPlane, installed: None, tmp_path: Path) -> Iterator[Callable[..., Kubelets]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **ends: stack.enter_context(
            kubelets(plane, tmp_path, {name.replace("_", "-"): end for name, end in ends.items()})
        )


def names(plane: ControlPlane) -> list[str]:
    return [pod["metadata"]["name"] for pod in plane.ask("GET", PODS)["items"] if "uninstall" in str(pod)]


@pytest.mark.cluster
def test_every_node_with_an_agent_is_left_and_says_so(
    plane: ControlPlane, command: Command, nodes: Callable[..., Kubelets]
):
    there = nodes(left_1=DONE, left_2=DONE)
    done = command("--wait=20")
    assert done.stderr == ""
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert sorted(lines[:-1]) == [
        "left-1: removed /etc/cni/net.d/00-multinet.conflist",
        "left-1: removed /opt/cni/bin/multinet",
        "left-2: removed /etc/cni/net.d/00-multinet.conflist",
        "left-2: removed /opt/cni/bin/multinet",
    ]
    assert lines[-1] == "multinet is off all of 2 nodes; delete the DaemonSet multinet now"
    assert sorted(pod["spec"]["nodeName"] for pod in there.seen) == ["left-1", "left-2"]
    (words,) = {tuple(pod["spec"]["containers"][0]["command"]) for pod in there.seen}
    assert words == (
        *("multinet", "uninstall", "--bin-dir=/host/opt/cni/bin", "--config=/etc/multinet/config.yaml"),
        "--wait=20",
    )


@pytest.mark.cluster
def test_what_went_wrong_is_said_and_the_status_tells(
    plane: ControlPlane, command: Command, nodes: Callable[..., Kubelets]
):
    nodes(left_1=LEFT, left_2=DONE)
    done = command("--wait=20", "--force")
    assert done.returncode == 1
    assert (
        "left-1: multinet: there are still pods on this node with networks of multinet: shop/cart-0"
        in done.stdout.splitlines()
    )
    assert done.stderr == (
        "multinet: multinet is still on 1 of 2 nodes: left-1 (what each of them said is above; mend that and call "
        "this again)\n"
    )


@pytest.mark.cluster
def test_nothing_of_it_is_left_in_the_cluster(
    plane: ControlPlane, command: Command, nodes: Callable[..., Kubelets]
):
    there = nodes(left_1=DONE, left_2=DONE)
    stale = pod_for(one(overlay("k3s"), "DaemonSet"), "left-3", ERRAND)
    plane.ask("POST", PODS, {**stale, "spec": {**stale["spec"], "terminationGracePeriodSeconds": 0}})
    assert command("--wait=20").returncode == 0
    there.work()
    there.work()
    assert names(plane) == []


@pytest.mark.cluster
def test_agents_that_are_not_there_are_said_to_be_missing(plane: ControlPlane, command: Command):
    done = command(f"--kubeconfig={plane.kubeconfig('admin')}", "--daemonset=multinet-2")
    assert done.returncode == 1
    assert done.stderr == (
        "multinet: could not find the agents: the API server refused to get daemonsets kube-system/multinet-2: "
        'daemonsets.apps "multinet-2" not found (404) (--namespace and --daemonset say which they are)\n'
    )


@pytest.mark.cluster
def test_its_rights_end_at_these_agents(command: Command):
    done = command("--daemonset=multinet-2")
    assert done.returncode == 1
    assert "refused to get daemonsets kube-system/multinet-2" in done.stderr


@pytest.mark.cluster
@pytest.mark.parametrize("platform", OVERLAYS)
def test_the_api_server_takes_the_pod_of_every_platform(plane: ControlPlane, installed: None, platform: str):
    pod = pod_for(one(overlay(platform), "DaemonSet"), "left-1", ERRAND)
    made = plane.ask("POST", f"{PODS}?dryRun=All&fieldValidation=Strict", pod)
    assert made["spec"]["priorityClassName"] == "system-node-critical"


def test_the_pod_has_what_the_agent_and_its_install_have_and_no_way_to_the_api():
    agents = one(overlay("microk8s"), "DaemonSet")
    template = agents["spec"]["template"]["spec"]
    spec: dict[str, Any] = pod_for(agents, "n", ERRAND)["spec"]
    (container,) = spec["containers"]
    mounts = [*template["containers"][0]["volumeMounts"], *template["initContainers"][0]["volumeMounts"]]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        mount["mountPath"] for mount in mounts
    }
    assert container["securityContext"] == template["containers"][0]["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["nodeName"] == "n"


def test_a_daemonset_that_is_not_ours_is_refused():
    agents = one(overlay("containerd"), "DaemonSet")
    del agents["spec"]["template"]["spec"]["initContainers"]
    with pytest.raises(InvalidConfig) as refused:
        pod_for(agents, "n", ERRAND)
    assert str(refused.value) == (
        "the DaemonSet multinet has no init container 'install', so it is not known where things are on the nodes "
        "(run `multinet uninstall` on each node by hand)"
    )
