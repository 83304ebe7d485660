"""The chart on a cluster: put there, changed, and deleted by Helm, which first has the nodes left."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from e2e.cluster.driver import run
from e2e.cluster.multinet import NAME, NAMESPACE, Multinet
from e2e.cluster.pods import Space
from e2e.scenarios.networks import bridge
from tests.support import tree
from tests.support.wait import until

HELM: Final = tree.ROOT / ".cache" / "cluster" / "helm"
CHART: Final = tree.ROOT / "deploy" / "helm" / "multinet"
SECONDS = 240.0
WAITED: Final = 5
"""Seconds that a node waits for pods, in a release that is deleted too early."""

Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def helm(multinet: Multinet, tmp_path: Path) -> Iterator[Helm]:
    """The program. multinet has left the cluster; after the test it is there again as the manifests have it."""
    kubeconfig = multinet.driver.api.kubeconfig
    home = [f"{name}={tmp_path}" for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")]

    def call(*argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["env", *home, HELM, *argv, "--namespace", NAMESPACE, "--kubeconfig", kubeconfig]
        return run(command, check=check, seconds=SECONDS)

    multinet.leave()
    try:
        yield call
    finally:
        call("uninstall", NAME, "--no-hooks", "--ignore-not-found")
        multinet.come_back()


def test_a_release_is_installed_changed_and_deleted_after_the_nodes_are_left(
    space: Space, multinet: Multinet, helm: Helm
):
    node, api = space.driver.nodes[0], space.driver.api
    helm("install", NAME, str(CHART), "--set", "platform=containerd")
    until(multinet.rolled_out, seconds=SECONDS, what="the release to be rolled out")
    multinet.wait_ready()
    space.define("lan", bridge(space, 34))
    space.pod("one", "lan", node=node)
    space.wait_ready("one")
    assert list(space.inside("one").interfaces) == ["eth0", "net1"]

    changed = ["--reuse-values", "--set", f"cpu=200m,uninstall.waitSeconds={WAITED}"]
    helm("upgrade", NAME, str(CHART), *changed)
    until(multinet.rolled_out, seconds=SECONDS, what="the change to be rolled out")
    (agent,) = multinet.agent(node)["spec"]["containers"]
    assert agent["resources"]["limits"]["cpu"] == "200m"

    early = helm("uninstall", NAME, check=False)
    assert early.returncode != 0
    assert "job multinet-uninstall failed" in early.stderr
    said = api.logs(NAMESPACE, job_pod(multinet), "uninstall")
    still = f"there are still pods on this node with networks of multinet: {space.name}/one"
    assert f"{node}: multinet: {still}" in said
    assert multinet.agent(node)["status"]["phase"] == "Running", "who would take its networks down?"
    assert list(space.inside("one").interfaces) == ["eth0", "net1"]

    space.delete("one")
    helm("uninstall", NAME)
    until(lambda: not multinet.there(), seconds=SECONDS, what="the agents to be gone")
    for name in space.driver.nodes:
        assert multinet.files(name) == multinet.files_before[name]
    assert api.get(space.path("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "lan")) is not None


def job_pod(multinet: Multinet) -> str:
    """Of the Job that has the nodes left."""
    (pod,) = multinet.driver.api.items(
        f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector="job-name=multinet-uninstall"
    )
    return str(pod["metadata"]["name"])
