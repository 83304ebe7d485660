"""The rules of deploy/manifests/rbac.yaml, as the API server enforces them on the agent's account."""

from __future__ import annotations

from typing import Any

import pytest

from multinet.deadline import Deadline
from multinet.kube import paths
from multinet.kube.client import Api
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, MERGE_PATCH, ControlPlane, Refused

pytestmark = pytest.mark.cluster

NADS = "/apis/k8s.cni.cncf.io/v1"
DRA = "/apis/resource.k8s.io/v1"

# Every call the agent makes. {ns} is a namespace with a pod "web" and a definition "net-a", and a node.
DONE: list[tuple[str, str, Any]] = [
    ("GET", f"{NADS}/network-attachment-definitions", None),
    ("GET", f"{NADS}/namespaces/{{ns}}/network-attachment-definitions/net-a", None),
    ("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1", None),
    ("GET", "/api/v1/namespaces/{ns}/pods/web", None),
    ("PATCH", "/api/v1/namespaces/{ns}/pods/web/status", {"metadata": {"annotations": {"a": "1"}}}),
    ("POST", "/api/v1/namespaces/{ns}/events", "event"),
    ("PATCH", "/api/v1/namespaces/{ns}/events/e", {"count": 2}),
    ("GET", f"{DRA}/namespaces/{{ns}}/resourceclaims/c", None),
    ("GET", f"{DRA}/resourceslices", None),
    ("GET", "/api/v1/nodes/{ns}", None),
    ("PATCH", "/api/v1/nodes/{ns}", {"spec": {"taints": []}}),
]

# What lies next to it.
REFUSED: list[tuple[str, str, Any]] = [
    ("PATCH", "/api/v1/namespaces/{ns}/pods/web", {"metadata": {"annotations": {"a": "1"}}}),
    ("PUT", "/api/v1/namespaces/{ns}/pods/web", {"metadata": {"name": "web"}}),
    ("PUT", "/api/v1/namespaces/{ns}/pods/web/status", {"metadata": {"name": "web"}}),
    ("DELETE", "/api/v1/namespaces/{ns}/pods/web", None),
    ("POST", "/api/v1/namespaces/{ns}/pods", {}),
    ("POST", "/api/v1/namespaces/{ns}/pods/web/eviction", {}),
    ("GET", "/api/v1/namespaces/{ns}/pods/web/log", None),
    ("GET", "/api/v1/namespaces/{ns}/events", None),
    ("DELETE", "/api/v1/namespaces/{ns}/events/e", None),
    ("POST", f"{NADS}/namespaces/{{ns}}/network-attachment-definitions", {}),
    ("PATCH", f"{NADS}/namespaces/{{ns}}/network-attachment-definitions/net-a", {"spec": {}}),
    ("DELETE", f"{NADS}/namespaces/{{ns}}/network-attachment-definitions/net-a", None),
    ("GET", f"{DRA}/resourceclaims", None),
    ("PATCH", f"{DRA}/namespaces/{{ns}}/resourceclaims/c", {"spec": {}}),
    ("GET", "/api/v1/secrets", None),
    ("GET", "/api/v1/namespaces/kube-system/configmaps", None),
    ("GET", "/api/v1/nodes", None),
    ("PATCH", "/api/v1/nodes/{ns}/status", {"status": {}}),
    ("PUT", "/api/v1/nodes/{ns}", {"metadata": {"name": "x"}}),
    ("DELETE", "/api/v1/nodes/{ns}", None),
    ("GET", "/api/v1/namespaces", None),
    ("GET", "/apis/apps/v1/daemonsets", None),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", None),
    ("POST", "/api/v1/namespaces/kube-system/serviceaccounts/multinet/token", {}),
]


@pytest.fixture(scope="module")
def namespace(control_plane: ControlPlane) -> str:
    made = kubeobjects.namespace(control_plane)
    kubeobjects.nad(control_plane, made, "net-a", {"type": "bridge"})
    kubeobjects.pod(control_plane, made, "web")
    kubeobjects.node(control_plane, made)
    control_plane.ask(
        "POST",
        f"{DRA}/namespaces/{made}/resourceclaims",
        {
            "metadata": {"name": "c"},
            "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "nic"}}]}},
        },
    )
    return made


def as_agent(plane: ControlPlane, method: str, path: str, body: Any) -> None:
    content_type = MERGE_PATCH if method == "PATCH" else "application/json"
    plane.ask(method, path, body, content_type=content_type, user=AGENT)


def words(case: tuple[str, str, Any]) -> str:
    return f"{case[0]} {case[1]}"


def test_the_agent_may_do_what_it_does(control_plane: ControlPlane, namespace: str):
    event = {
        "metadata": {"name": "e", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "web"},
    }
    for method, path, body in DONE:
        as_agent(control_plane, method, path.format(ns=namespace), event if body == "event" else body)


@pytest.mark.parametrize("path", [paths.NADS, paths.PODS])
def test_the_agent_may_watch(api: Api, path: str):
    version = api.get(path, deadline=Deadline(10))["metadata"]["resourceVersion"]
    query = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": version}
    with api.stream(path, query=query, read_seconds=10) as stream:
        assert [event for event in stream if event["type"] == "ERROR"] == []


@pytest.mark.parametrize("case", REFUSED, ids=words)
def test_the_agent_may_not(control_plane: ControlPlane, namespace: str, case: tuple[str, str, Any]):
    method, path, body = case
    with pytest.raises(Refused) as refused:
        as_agent(control_plane, method, path.format(ns=namespace), body)
    assert refused.value.status == 403


def test_no_rule_is_there_that_no_call_needs(control_plane: ControlPlane, namespace: str):
    rules = control_plane.ask("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/multinet")["rules"]
    granted = {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert granted == {
        *[(verb, "network-attachment-definitions") for verb in ("get", "list", "watch")],
        *[(verb, "pods") for verb in ("get", "list", "watch")],
        ("patch", "pods/status"),
        *[(verb, "events") for verb in ("create", "patch")],
        ("get", "resourceclaims"),
        ("list", "resourceslices"),
        *[(verb, "nodes") for verb in ("get", "patch")],
    }
