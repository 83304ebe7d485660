"""A taint of a real node is taken off, and no other taint is lost, whoever writes at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube import taints
from multinet.kube.client import Api
from multinet.kube.errors import ApiForbidden
from tests.support import kubeobjects
from tests.support.controlplane import MERGE_PATCH, NOBODY, ControlPlane

pytestmark = pytest.mark.cluster

KEY = "multinet.dev/not-ready"
OURS = {"key": KEY, "effect": "NoSchedule"}
THEIRS = {"key": "disk", "value": "full", "effect": "NoSchedule"}
NOT_READY = "node.kubernetes.io/not-ready"
"""The API server's own, on each new node."""


@pytest.fixture
def tainted(control_plane: ControlPlane, kube_namespace: str) -> str:
    """A node of a name that no other test uses."""
    kubeobjects.node(control_plane, kube_namespace, THEIRS, OURS, {**OURS, "effect": "NoExecute"})
    return kube_namespace


class Meddling:
    """An API whose patches come a moment after somebody else's."""

    def __init__(self, api: Api, meddle: Callable[[], None], times: int) -> None:
        self._api = api
        self._meddle = meddle
        self._left = times
        self.get = api.get

    def patch(self, *args: Any, **how: Any) -> dict[str, Any]:
        if self._left > 0:
            self._left -= 1
            self._meddle()
        return self._api.patch(*args, **how)


def test_it_is_gone_with_all_its_effects_and_the_others_stay(
    control_plane: ControlPlane, api: Api, tainted: str
):
    assert taints.has(api, tainted, KEY, Deadline(10))
    taints.remove(api, tainted, KEY, Deadline(10))
    assert sorted(kubeobjects.taints(control_plane, tainted)) == ["disk", NOT_READY]
    assert not taints.has(api, tainted, KEY, Deadline(10))


def test_the_last_taint_leaves_an_empty_list(control_plane: ControlPlane, api: Api, kube_namespace: str):
    kubeobjects.node(control_plane, kube_namespace)
    only = {"spec": {"taints": [OURS]}}
    control_plane.ask("PATCH", f"/api/v1/nodes/{kube_namespace}", only, content_type=MERGE_PATCH)
    taints.remove(api, kube_namespace, KEY, Deadline(10))
    assert kubeobjects.taints(control_plane, kube_namespace) == []


def test_a_taint_that_comes_in_between_is_kept(control_plane: ControlPlane, api: Api, tainted: str):
    def meddle() -> None:
        had = control_plane.ask("GET", f"/api/v1/nodes/{tainted}")["spec"]["taints"]
        body = {"spec": {"taints": [*had, {"key": f"late-{len(had)}", "effect": "NoSchedule"}]}}
        control_plane.ask("PATCH", f"/api/v1/nodes/{tainted}", body, content_type=MERGE_PATCH)

    taints.remove(Meddling(api, meddle, times=2), tainted, KEY, Deadline(10))  # type: ignore[arg-type]
    assert sorted(kubeobjects.taints(control_plane, tainted)) == ["disk", "late-4", "late-5", NOT_READY]


def test_where_the_list_never_stands_still_the_sentence_says_so(
    control_plane: ControlPlane, api: Api, tainted: str
):
    def meddle() -> None:
        had = control_plane.ask("GET", f"/api/v1/nodes/{tainted}")["spec"]["taints"]
        body = {"spec": {"taints": [*had, {"key": f"late-{len(had)}", "effect": "NoSchedule"}]}}
        control_plane.ask("PATCH", f"/api/v1/nodes/{tainted}", body, content_type=MERGE_PATCH)

    with pytest.raises(TryAgain) as failure:
        taints.remove(Meddling(api, meddle, times=100), tainted, KEY, Deadline(1))  # type: ignore[arg-type]
    assert str(failure.value) == (
        f"could not remove the taint {KEY} from the node {tainted}: its taints changed meanwhile"
    )
    assert KEY in kubeobjects.taints(control_plane, tainted)


def test_nothing_is_written_where_it_is_not_there(control_plane: ControlPlane, api: Api, kube_namespace: str):
    kubeobjects.node(control_plane, kube_namespace, THEIRS)
    before = api.requests
    taints.remove(api, kube_namespace, KEY, Deadline(10))
    taints.remove(api, "nobody-knows-it", KEY, Deadline(10))
    assert api.requests - before == {("get", "nodes"): 2}


def test_without_the_right_the_sentence_names_the_role(make_api: Callable[..., Api], tainted: str):
    with pytest.raises(ApiForbidden, match="ClusterRole multinet"):
        taints.remove(make_api(user=NOBODY), tainted, KEY, Deadline(10))
