"""The startup taint: it goes when the node can serve, and not before; a node without it costs one GET."""

from __future__ import annotations

import pytest

from multinet.daemon.startup import TAINT
from tests.daemon.conftest import MakeNode
from tests.support import kubeobjects
from tests.support.controlplane import MERGE_PATCH, ControlPlane
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

OURS = {"key": TAINT, "effect": "NoSchedule"}
THEIRS = {"key": "gpu", "effect": "NoSchedule"}


def asked(plane: ControlPlane, name: str) -> list[str]:
    """What was asked of a node by its agent."""
    return [one.verb for one in plane.requests() if (one.resource, one.name) == ("nodes", name)]


def test_it_stays_until_the_clusters_own_network_is_there_and_never_comes_back(
    make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str
):
    name = kube_namespace
    kubeobjects.node(control_plane, name, OURS, THEIRS)
    node = make_node(name=name)
    primary = node.conf_dir / "10-cluster.conflist"
    content = primary.read_text()
    primary.unlink()
    node.start(ready=False)
    until(lambda: asked(control_plane, name) == ["get"], seconds=30, what="the agent to look at its node")
    until(lambda: node.probe("startz")[0] == 200, seconds=30, what="the agent to have begun")
    assert node.probe("readyz")[0] == 503
    assert TAINT in kubeobjects.taints(control_plane, name)

    primary.write_text(content)
    until(lambda: TAINT not in kubeobjects.taints(control_plane, name), seconds=30, what="the taint to go")
    assert "gpu" in kubeobjects.taints(control_plane, name)
    assert node.probe("readyz")[0] == 200
    assert asked(control_plane, name) == ["get", "get", "patch"]

    primary.unlink()
    node.stop()
    assert TAINT not in kubeobjects.taints(control_plane, name)


def test_a_node_without_it_costs_one_request(
    make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str
):
    kubeobjects.node(control_plane, kube_namespace, THEIRS)
    node = make_node(name=kube_namespace).start()
    until(lambda: asked(control_plane, kube_namespace) == ["get"], seconds=10, what="the look at the node")
    node.stop()
    assert asked(control_plane, kube_namespace) == ["get"]
    assert TAINT not in node.log


def test_rights_that_come_late_are_used_and_their_absence_is_said_once(
    make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str
):
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/multinet"
    rules = control_plane.ask("GET", role)["rules"]
    without = [rule for rule in rules if rule["resources"] != ["nodes"]]
    kubeobjects.node(control_plane, kube_namespace, OURS)
    control_plane.ask("PATCH", role, {"rules": without}, content_type=MERGE_PATCH)
    try:
        node = make_node(name=kube_namespace).start()
        until(lambda: len(asked(control_plane, kube_namespace)) > 1, seconds=30, what="a second try")
    finally:
        control_plane.ask("PATCH", role, {"rules": rules}, content_type=MERGE_PATCH)
    until(
        lambda: TAINT not in kubeobjects.taints(control_plane, kube_namespace),
        seconds=30,
        what="the taint to go",
    )
    node.stop()
    said = [line for line in node.lines() if line.get("taint") == TAINT]
    assert [line["event"] for line in said] == [
        "a startup taint of the node could not be removed",
        "the node's startup taint is removed",
    ]
    assert "refused to get nodes" in said[0]["error"]
