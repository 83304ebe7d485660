"""Objects in a form that no API server gives: each says what is wrong with it, and stands in no other's way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

import pytest

from multinet.deadline import Deadline
from multinet.errors import DecodingFailure
from multinet.kube.claims import Claims
from multinet.kube.client import Api
from multinet.kube.devices import Allocated
from multinet.kube.grpc import Answer, _message
from multinet.kube.pods import PodCache
from multinet.plan import Pod
from tests.kube.script import Script

POD: dict[str, Any] = {
    "metadata": {"namespace": "shop", "name": "cart", "uid": "u-1"},
    "spec": {"resourceClaims": [{"name": "nic", "resourceClaimName": "claim"}]},
}
RESULT = {"request": "r", "driver": "d", "pool": "p", "device": "vf0"}
CLAIM: dict[str, Any] = {"status": {"allocation": {"devices": {"results": [RESULT]}}}}


class Nothing:
    """A kubelet that gave no device."""

    def allocated(self, pod: Pod, deadline: Deadline) -> Mapping[str, list[str]]:
        return {}

    def registered(self, deadline: Deadline) -> frozenset[str]:
        return frozenset()


class Answers:
    def __init__(self, pod: Any, claim: Any) -> None:
        self._pod, self._claim = pod, claim

    def get(self, path: str, **_: object) -> Any:
        return self._claim if "resourceclaims" in path else self._pod


def test_a_claim_in_another_form_is_not_taken_for_none():
    """Whoever asks for a device takes a KeyError for "the pod has none of these"."""
    odd = deepcopy(CLAIM)
    del odd["status"]["allocation"]["devices"]["results"][0]["driver"]
    claims = Claims(cast(Api, Answers(POD, odd)), "n1")
    with pytest.raises(DecodingFailure) as raised:
        Allocated(Pod(namespace="shop", name="cart", uid="u-1"), Nothing(), claims, Deadline(10))[
            "intel.com/nic"
        ]
    words = "the API server tells of the devices of the pod shop/cart in a form that is not known"
    assert (raised.value.message, raised.value.details) == (words, "KeyError: 'driver'")


@pytest.mark.parametrize("pod", [{}, {"metadata": {"namespace": "shop", "name": "cart", "uid": 5}}])
def test_a_pod_in_another_form_is_told(pod: Any):
    with pytest.raises(DecodingFailure, match=r"^the API server tells of the pod shop/cart in a form "):
        PodCache(cast(Api, Answers(pod, {})), "n1").ask("shop", "cart", Deadline(10))


def test_an_object_that_makes_no_sense_keeps_no_other_from_being_known():
    objects = [{"metadata": None}, 7, {"metadata": {"name": "cart"}}, POD]
    cache = PodCache(Script(json.dumps(objects)).api, "n1")
    cache.reflector._list()
    assert cache.reflector.in_sync
    assert cache.get("shop", "cart") == Pod(namespace="shop", name="cart", uid="u-1")


def test_a_grpc_status_without_end_is_none():
    with pytest.raises(DecodingFailure, match=r"^it answered without a gRPC status"):
        _message(Answer(headers={b"grpc-status": b"9" * 5000}), "it answered")
