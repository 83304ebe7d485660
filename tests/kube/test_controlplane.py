"""The control plane that other tests stand on is a real one."""

from __future__ import annotations

import pytest

from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane, Refused

pytestmark = pytest.mark.cluster


def test_objects_are_stored_and_outlive_a_restart(control_plane: ControlPlane, kube_namespace: str):
    kubeobjects.nad(control_plane, kube_namespace, "net-a", {"cniVersion": "1.1.0", "type": "bridge"})
    kubeobjects.pod(control_plane, kube_namespace, "web", {"mine": "1"})
    control_plane.stop_apiserver()
    control_plane.start_apiserver()
    kubeobjects.annotate(control_plane, kube_namespace, "web", {"yours": "2"})
    found = kubeobjects.get_pod(control_plane, kube_namespace, "web")
    assert found["metadata"]["annotations"] == {"mine": "1", "yours": "2"}
    assert found["spec"]["nodeName"] == "node-1"
    kubeobjects.delete_pod(control_plane, kube_namespace, "web")
    with pytest.raises(Refused, match='pods \\\\"web\\\\" not found'):
        kubeobjects.get_pod(control_plane, kube_namespace, "web")


def test_requests_are_counted_by_user(control_plane: ControlPlane, kube_namespace: str):
    before = control_plane.count(AGENT, verb="list", resource="pods")
    control_plane.ask("GET", f"/api/v1/namespaces/{kube_namespace}/pods", user=AGENT)
    control_plane.ask("GET", f"/api/v1/namespaces/{kube_namespace}/pods")
    assert control_plane.count(AGENT, verb="list", resource="pods") == before + 1
