"""The policy, as the API server holds real tokens to it: the agent of a node writes about that node alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from multinet.daemon.startup import TAINT
from multinet.deadline import Deadline
from multinet.kube import paths, taints
from multinet.kube.client import Api
from multinet.kube.errors import ApiForbidden
from multinet.kube.events import Events
from multinet.kube.publish import publish
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, MERGE_PATCH, ControlPlane, Refused
from tests.support.wait import until

pytestmark = pytest.mark.cluster

AgentOn = Callable[[str], Api]
STATUS = (NetworkStatus(name="cluster", interface="eth0", default=True),)


@pytest.fixture
def namespace(plane: ControlPlane, agent_on: AgentOn) -> str:
    return kubeobjects.namespace(plane)


def pod_on(plane: ControlPlane, namespace: str, node: str, **how: Any) -> Pod:
    made = kubeobjects.pod(plane, namespace, f"web-{node}", node=node, **how)
    return Pod(namespace=namespace, name=f"web-{node}", uid=made["metadata"]["uid"])


def write(api: Api, path: str, body: Mapping[str, Any]) -> str:
    """Why it was refused, "" when it was not."""
    try:
        api.patch(path, body, deadline=Deadline(20))
    except ApiForbidden as error:
        return str(error)
    return ""


def test_the_network_status_of_a_pod_on_its_node_is_written(
    plane: ControlPlane, agent_on: AgentOn, namespace: str
):
    pod = pod_on(plane, namespace, "node-1", annotations={"theirs": "1"})
    publish(agent_on("node-1"), pod, STATUS, Deadline(20))
    publish(agent_on("node-1"), pod, (), Deadline(20))
    annotations = kubeobjects.get_pod(plane, namespace, pod.name)["metadata"]["annotations"]
    assert annotations == {"theirs": "1", NETWORK_STATUS: "[]"}


def test_a_pod_without_annotations_gets_its_first(plane: ControlPlane, agent_on: AgentOn, namespace: str):
    pod = pod_on(plane, namespace, "node-2")
    publish(agent_on("node-2"), pod, (), Deadline(20))
    assert kubeobjects.get_pod(plane, namespace, pod.name)["metadata"]["annotations"] == {
        NETWORK_STATUS: "[]"
    }


def test_a_pod_on_another_node_is_not_written_to(plane: ControlPlane, agent_on: AgentOn, namespace: str):
    pod = pod_on(plane, namespace, "node-2")
    with pytest.raises(ApiForbidden) as refused:
        publish(agent_on("node-1"), pod, STATUS, Deadline(20))
    assert "multinet on the node node-1 may not write to a pod of another node" in str(refused.value)
    assert "annotations" not in kubeobjects.get_pod(plane, namespace, pod.name)["metadata"]


def test_a_pod_without_a_node_is_nobodys(plane: ControlPlane, agent_on: AgentOn, namespace: str):
    kubeobjects.pod(plane, namespace, "pending", node="")
    body = {"metadata": {"annotations": {NETWORK_STATUS: "[]"}}}
    said = write(agent_on("node-1"), paths.pod_status(namespace, "pending"), body)
    assert "may not write to a pod of another node" in said


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"labels": {"app": "shop"}}, "multinet may not change a pod's labels"),
        ({"labels": None}, "multinet may not change a pod's labels"),
        ({"annotations": {"other": "1"}}, "multinet may add no annotation to a pod but"),
        ({"annotations": {"theirs": "2"}}, "multinet may change no annotation of a pod but"),
        ({"annotations": {"theirs": None}}, "multinet may change no annotation of a pod but"),
        ({"annotations": None}, "multinet may change no annotation of a pod but"),
    ],
    ids=str,
)
def test_nothing_else_of_a_pod_is_changed(
    plane: ControlPlane, agent_on: AgentOn, namespace: str, metadata: dict[str, Any], words: str
):
    pod = pod_on(plane, namespace, "node-1", annotations={"theirs": "1"})
    label = {"metadata": {"labels": {"app": "web"}}}
    place = f"/api/v1/namespaces/{namespace}/pods/{pod.name}"
    plane.ask("PATCH", place, label, content_type=MERGE_PATCH)
    assert words in write(agent_on("node-1"), paths.pod_status(namespace, pod.name), {"metadata": metadata})


def test_events_of_its_pods_and_its_node_are_written_and_counted_up(
    plane: ControlPlane, agent_on: AgentOn, namespace: str
):
    from multinet.errors import MultinetError

    events = Events(agent_on("node-1"), "node-1", quiet_seconds=0.1, calm_seconds=0.1)
    pod = pod_on(plane, namespace, "node-1")
    events.failed(pod, MultinetError("no addresses left"), "1")
    until(lambda: kubeobjects.events(plane, namespace), seconds=20, what="the event")
    events.failed(pod, MultinetError("no addresses left"), "2")
    events.problem("PrimaryNetwork", "the primary network is gone")
    until(lambda: kubeobjects.events(plane, namespace)[0]["count"] == 2, seconds=20, what="the second")

    def about_the_node() -> list[str]:
        return [
            one["reason"] for one in kubeobjects.events(plane, "default") if one["reason"] == "PrimaryNetwork"
        ]

    until(about_the_node, seconds=20, what="the event of the node")
    events.close()
    assert events.dropped == 0


def event(namespace: str, *, host: str | None, kind: str = "Pod", name: str = "web") -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": "said"},
        "involvedObject": {"kind": kind, "name": name, **({"namespace": namespace} if kind == "Pod" else {})},
        **({"source": {"component": "multinet", "host": host}} if host is not None else {}),
    }


def post(api: Api, namespace: str, body: dict[str, Any]) -> str:
    try:
        api.post(paths.events(namespace), body, deadline=Deadline(20))
    except ApiForbidden as error:
        return str(error)
    return ""


def test_nobody_speaks_in_the_name_of_another_node(plane: ControlPlane, agent_on: AgentOn, namespace: str):
    one, two = agent_on("node-1"), agent_on("node-2")
    for host in ("node-2", "", None):
        assert "multinet on the node node-1 may not speak for another node" in post(
            one, namespace, event(namespace, host=host)
        )
    about = event("default", host="node-1", kind="Node", name="node-2")
    assert "may not speak of another node" in post(one, "default", about)
    assert post(two, namespace, event(namespace, host="node-2")) == ""
    change = {"message": "x", "source": {"host": "node-1"}}
    said = write(one, paths.event(namespace, "said"), change)
    assert "multinet on the node node-1 may not change what another has said" in said


@pytest.fixture
def tainted(plane: ControlPlane, agent_on: AgentOn) -> str:
    """node-1, with the startup taint and another."""
    ours, theirs = {"key": TAINT, "effect": "NoSchedule"}, {"key": "gpu", "effect": "NoSchedule"}
    body = {"spec": {"taints": [theirs, ours]}, "metadata": {"labels": {"rack": "7"}}}
    plane.ask("PATCH", "/api/v1/nodes/node-1", body, content_type=MERGE_PATCH)
    return "node-1"


def test_the_startup_taint_of_its_own_node_is_removed(plane: ControlPlane, agent_on: AgentOn, tainted: str):
    taints.remove(agent_on("node-1"), tainted, TAINT, Deadline(20))
    assert kubeobjects.taints(plane, tainted) == ["gpu"]


def test_the_startup_taint_of_another_node_is_not(plane: ControlPlane, agent_on: AgentOn, tainted: str):
    with pytest.raises(ApiForbidden, match="multinet on the node node-2 may not write to another node"):
        taints.remove(agent_on("node-2"), tainted, TAINT, Deadline(20))
    assert TAINT in kubeobjects.taints(plane, tainted)


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"taints": None}},
        {"spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}]}},
        {
            "spec": {
                "taints": [{"key": "gpu", "effect": "NoSchedule"}, {"key": "more", "effect": "NoExecute"}]
            }
        },
        {"spec": {"unschedulable": True}},
        {"metadata": {"labels": {"rack": "8"}}},
        {"metadata": {"annotations": {"a": "1"}}},
    ],
    ids=str,
)
def test_nothing_else_of_its_node_is_changed(agent_on: AgentOn, tainted: str, body: dict[str, Any]):
    said = write(agent_on("node-1"), paths.node(tainted), body)
    assert f"multinet may do nothing to a node but take the taint {TAINT} away" in said


def test_a_token_that_no_node_got_writes_nothing(plane: ControlPlane, namespace: str):
    pod = pod_on(plane, namespace, "node-1")
    body = {"metadata": {"annotations": {NETWORK_STATUS: "[]"}}}
    place = paths.pod_status(namespace, pod.name)
    with pytest.raises(Refused, match="multinet's token is not that of a pod on a node"):
        plane.ask("PATCH", place, body, content_type=MERGE_PATCH, user=AGENT)


def test_others_are_not_its_concern(plane: ControlPlane, namespace: str):
    pod = pod_on(plane, namespace, "node-2")
    body = {"metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}}}
    plane.ask("PATCH", paths.pod_status(namespace, pod.name), body, content_type=MERGE_PATCH)
    assert kubeobjects.get_pod(plane, namespace, pod.name)["metadata"]["labels"] == {"a": "1"}
