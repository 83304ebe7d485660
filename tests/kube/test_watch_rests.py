"""A watch whose thread rests: what comes meanwhile is read in one go."""

from __future__ import annotations

import threading

import pytest

from multinet.kube.watch import Reflector
from tests.kube.conftest import MakeApi
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane
from tests.support.wait import until

pytestmark = pytest.mark.cluster

MARK = "example.org/mark"
REST_SECONDS = 0.123
CHANGES = 20


class Rests(threading.Event):
    """A reflector's word to stop, at which it also rests: until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.over = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout != REST_SECONDS:
            return super().wait(timeout)
        self.count += 1
        self.over.wait(20)
        return self.is_set()


def test_what_comes_while_it_rests_is_read_in_one_go(
    control_plane: ControlPlane, kube_namespace: str, make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    reflector: Reflector[str, str] = Reflector(
        make_api(),
        f"/api/v1/namespaces/{kube_namespace}/pods",
        name="marks",
        keep=lambda pod: (pod["metadata"]["name"], pod["metadata"]["annotations"][MARK]),
        rest_seconds=REST_SECONDS,
    )
    rests = Rests()
    monkeypatch.setattr(reflector, "_stopping", rests)
    reflector.start()
    try:
        until(lambda: is_watched(control_plane, kube_namespace), what="the watch")
        kubeobjects.pod(control_plane, kube_namespace, "a", {MARK: "first"})
        until(lambda: rests.count == 1, what="a rest after what came first")
        for number in range(CHANGES):
            kubeobjects.annotate(control_plane, kube_namespace, "a", {MARK: f"{number}"})
        until(lambda: reflector._stream is not None and not reflector._stream.nothing_came())
        assert reflector.items() == {"a": "first"}

        rests.over.set()
        until(lambda: reflector.items() == {"a": f"{CHANGES - 1}"}, what="the last change to be known")
        assert rests.count < CHANGES // 2
    finally:
        reflector.stop()


def is_watched(plane: ControlPlane, namespace: str) -> bool:
    return any(asked.verb == "watch" and asked.namespace == namespace for asked in plane.requests(AGENT))
