"""What a request learns of the cluster, and what it costs the API server: questions are counted there."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Address

import pytest

from multinet import log
from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube.cluster import KubeCluster, RequestCluster
from multinet.kube.errors import ApiForbidden
from multinet.kube.nads import NadCache
from multinet.kube.pods import METADATA, PodCache
from multinet.npwg import status
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORK_STATUS, NETWORKS
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from tests.kube.conftest import MakeApi
from tests.support import kubeobjects
from tests.support.controlplane import NOBODY, NODE, ControlPlane
from tests.support.proxy import Proxy
from tests.support.wait import until

pytestmark = pytest.mark.cluster

Start = Callable[[], KubeCluster]
SECONDS = 20.0
ENTRIES = (NetworkStatus(name="default/net-a", interface="net1", ips=(IPv4Address("10.81.0.2"),)),)
STATIC = {"kubernetes.io/config.source": "file", "kubernetes.io/config.hash": "c0ffee"}


class Devices:
    def allocated(self, pod: Pod, deadline: Deadline) -> Mapping[str, list[str]]:
        return {f"example.org/{pod.name}": [f"{deadline.remaining() > 0}"]}


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[Proxy]:
    """Between the agent and the API server."""
    with Proxy(control_plane.port) as between:
        yield between


@pytest.fixture
def unheard(proxy: Proxy, make_api: MakeApi) -> KubeCluster:
    """An agent that has heard nothing yet."""
    api = make_api(port=proxy.port)
    return KubeCluster(api, PodCache(api, NODE), NadCache(api), Devices())


@pytest.fixture
def started(unheard: KubeCluster, control_plane: ControlPlane) -> Iterator[Start]:
    """Call it, and it has heard all there is, and listens."""
    with ExitStack() as stack:

        def start() -> KubeCluster:
            watches = control_plane.count(verb="watch")
            for cache in (unheard.pods, unheard.nads):
                cache.reflector.start()
                stack.callback(cache.reflector.stop)
            assert unheard.pods.reflector.wait_in_sync(SECONDS)
            assert unheard.nads.reflector.wait_in_sync(SECONDS)
            until(lambda: control_plane.count(verb="watch") == watches + 2, what="the watches")
            return unheard

        yield start


def door(cluster: KubeCluster, seconds: float = SECONDS) -> RequestCluster:
    return cluster.request(Deadline(seconds))


class Questions:
    """What the server was asked about one object."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._namespace = namespace

    def asked(self) -> list[str]:
        return [
            f"{asked.verb} {asked.resource}/{asked.name}"
            for asked in self._plane.requests()
            if asked.namespace == self._namespace
        ]


@pytest.fixture
def questions(control_plane: ControlPlane, kube_namespace: str) -> Questions:
    return Questions(control_plane, kube_namespace)


def uid(pod: Mapping[str, object]) -> str:
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["uid"])


# --- pods ---


def test_the_nodes_own_pods_are_known_by_the_annotations_that_are_read(
    control_plane: ControlPlane,
    kube_namespace: str,
    started: Start,
    questions: Questions,
):
    told = {NETWORKS: "net-a", DEFAULT_NETWORK: "net-b", "example.org/more": "x" * 1000, NETWORK_STATUS: "[]"}
    made = kubeobjects.pod(control_plane, kube_namespace, "cart", told)
    kubeobjects.pod(control_plane, kube_namespace, "plain")
    kubeobjects.pod(control_plane, kube_namespace, "elsewhere", told, node="node-2")
    cluster = started()

    pod = door(cluster).pod(kube_namespace, "cart", uid(made))
    assert pod == Pod(namespace=kube_namespace, name="cart", uid=uid(made))
    assert pod.annotations == {NETWORKS: "net-a", DEFAULT_NETWORK: "net-b"}
    assert door(cluster).pod(kube_namespace, "plain", "").annotations == {}
    assert cluster.pods.get(kube_namespace, "elsewhere") is None
    assert questions.asked() == []

    kubeobjects.annotate(control_plane, kube_namespace, "plain", {NETWORKS: "net-c"})
    until(
        lambda: door(cluster).pod(kube_namespace, "plain", "").annotations == {NETWORKS: "net-c"},
        what="the annotation",
    )
    kubeobjects.delete_pod(control_plane, kube_namespace, "cart")
    until(lambda: cluster.pods.get(kube_namespace, "cart") is None, what="the pod to be forgotten")


def test_of_pods_the_metadata_alone_is_sent(
    control_plane: ControlPlane, kube_namespace: str, make_api: MakeApi
):
    kubeobjects.pod(control_plane, kube_namespace, "cart")
    path = f"/api/v1/namespaces/{kube_namespace}/pods"
    query = {"watch": "1", "resourceVersion": "0"}

    listed = make_api().get(path, deadline=Deadline(SECONDS), accept=METADATA.list)
    with make_api().stream(path, query=query, accept=METADATA.watch, read_seconds=SECONDS) as stream:
        event = next(iter(stream))

    assert (listed["kind"], event["object"]["kind"]) == (
        "PartialObjectMetadataList",
        "PartialObjectMetadata",
    )
    assert {*listed["items"][0], *event["object"]} == {"apiVersion", "kind", "metadata"}


def test_a_pod_that_was_not_heard_of_costs_one_question(
    control_plane: ControlPlane, kube_namespace: str, unheard: KubeCluster, questions: Questions
):
    made = kubeobjects.pod(control_plane, kube_namespace, "cart", {NETWORKS: "net-a"})

    pod = door(unheard).pod(kube_namespace, "cart", uid(made))

    assert (pod.uid, pod.annotations) == (uid(made), {NETWORKS: "net-a"})
    assert questions.asked() == ["get pods/cart"]


def test_a_pod_that_was_made_anew_is_asked_for(
    control_plane: ControlPlane,
    kube_namespace: str,
    started: Start,
    proxy: Proxy,
    questions: Questions,
):
    old = kubeobjects.pod(control_plane, kube_namespace, "cart-0", {NETWORKS: "net-a"})
    cluster = started()
    proxy.freeze()
    kubeobjects.delete_pod(control_plane, kube_namespace, "cart-0")
    new = kubeobjects.pod(control_plane, kube_namespace, "cart-0", {NETWORKS: "net-b"})
    assert cluster.pods.get(kube_namespace, "cart-0").uid == uid(old)

    pod = door(cluster).pod(kube_namespace, "cart-0", uid(new))

    assert (pod.uid, pod.annotations) == (uid(new), {NETWORKS: "net-b"})
    assert questions.asked() == ["get pods/cart-0"]


def test_a_pod_that_is_another_by_now_is_to_be_tried_again(
    control_plane: ControlPlane, kube_namespace: str, started: Start, questions: Questions
):
    made = kubeobjects.pod(control_plane, kube_namespace, "cart")

    with pytest.raises(TryAgain) as refusal:
        door(started()).pod(kube_namespace, "cart", "0f-old")

    assert str(refusal.value) == (
        f"the pod {kube_namespace}/cart has the UID {uid(made)}, and the runtime asks for 0f-old "
        "(one of them was deleted; the runtime will try again if it still wants it)"
    )
    assert questions.asked() == ["get pods/cart"]


def test_a_pod_that_nobody_knows_is_to_be_tried_again(
    kube_namespace: str, started: Start, questions: Questions
):
    with pytest.raises(TryAgain) as refusal:
        door(started()).pod(kube_namespace, "cart", "0f")

    assert str(refusal.value) == (
        f"the API server does not know the pod {kube_namespace}/cart (it was deleted, or is not visible yet; "
        "the runtime will try again if it still wants it)"
    )
    assert questions.asked() == ["get pods/cart"]


def test_a_static_pod_is_known_by_its_mirror(
    control_plane: ControlPlane,
    kube_namespace: str,
    started: Start,
    proxy: Proxy,
    questions: Questions,
):
    mirror = kubeobjects.pod(control_plane, kube_namespace, "etcd", {**STATIC, NETWORKS: "net-a"})
    cluster = started()

    pod = door(cluster).pod(kube_namespace, "etcd", "c0ffee")
    assert (pod.uid, pod.annotations[NETWORKS]) == ("c0ffee", "net-a")
    assert questions.asked() == []

    assert door(cluster).pod(kube_namespace, "etcd", "decaf").uid == "decaf"
    assert questions.asked() == ["get pods/etcd"]

    door(cluster).publish(pod, ENTRIES)
    assert questions.asked() == ["get pods/etcd", "patch pods/status/etcd"]
    written = kubeobjects.get_pod(control_plane, kube_namespace, "etcd")["metadata"]
    assert written["uid"] == uid(mirror)
    assert status.parse(written["annotations"][NETWORK_STATUS]) == ENTRIES

    proxy.refuse()
    assert door(cluster, 0.3).pod(kube_namespace, "etcd", "beef").annotations[NETWORKS] == "net-a"


def test_the_status_of_a_static_pod_without_a_mirror_is_written_by_name(
    control_plane: ControlPlane, kube_namespace: str, unheard: KubeCluster
):
    kubeobjects.pod(control_plane, kube_namespace, "etcd", STATIC)

    door(unheard).publish(
        Pod(namespace=kube_namespace, name="etcd", uid="c0ffee", annotations=STATIC), ENTRIES
    )

    written = kubeobjects.get_pod(control_plane, kube_namespace, "etcd")["metadata"]["annotations"]
    assert status.parse(written[NETWORK_STATUS]) == ENTRIES


# --- definitions ---


def test_a_definition_that_is_known_costs_no_question(
    control_plane: ControlPlane, kube_namespace: str, started: Start, questions: Questions
):
    kubeobjects.nad(control_plane, kube_namespace, "net-a", '{"type": "bridge"}', resource_name="a.org/vf")
    cluster = started()

    for _ in range(3):
        assert door(cluster).definition(kube_namespace, "net-a") == NetworkAttachmentDefinition(
            namespace=kube_namespace, name="net-a", config='{"type": "bridge"}', resource_name="a.org/vf"
        )
    assert questions.asked() == []

    kubeobjects.nad(control_plane, kube_namespace, "net-b", '{"type": "macvlan"}')
    until(lambda: cluster.nads.get(kube_namespace, "net-b"), what="the new one")
    kubeobjects.delete_nad(control_plane, kube_namespace, "net-a")
    until(lambda: not cluster.nads.get(kube_namespace, "net-a"), what="the old one to be forgotten")
    assert questions.asked() == []


def test_a_definition_that_was_made_a_moment_ago_is_asked_for(
    control_plane: ControlPlane,
    kube_namespace: str,
    started: Start,
    proxy: Proxy,
    questions: Questions,
):
    cluster = started()
    proxy.freeze()
    kubeobjects.nad(control_plane, kube_namespace, "net-a", '{"type": "bridge"}')

    found = door(cluster).definition(kube_namespace, "net-a")

    assert found is not None
    assert found.config == '{"type": "bridge"}'
    assert questions.asked() == ["get network-attachment-definitions/net-a"]


def test_a_definition_that_is_not_there_is_asked_for_once(
    kube_namespace: str, started: Start, questions: Questions
):
    assert door(started()).definition(kube_namespace, "net-a") is None
    assert questions.asked() == ["get network-attachment-definitions/net-a"]


def test_a_definition_that_is_too_large_to_be_kept_is_asked_for_each_time(
    control_plane: ControlPlane, kube_namespace: str, started: Start, questions: Questions
):
    config = json.dumps({"type": "bridge", "is": "x" * (1 << 20)})
    kubeobjects.nad(control_plane, kube_namespace, "net-a", config)
    cluster = started()

    for _ in range(2):
        found = door(cluster).definition(kube_namespace, "net-a")
        assert found is not None
        assert found.config == config
    assert questions.asked() == ["get network-attachment-definitions/net-a"] * 2

    control_plane.stop_apiserver(signal.SIGKILL)
    try:
        with pytest.raises(TryAgain) as refused:
            door(cluster, 0.5).definition(kube_namespace, "net-a")
    finally:
        control_plane.start_apiserver()
        kubeobjects.delete_nad(control_plane, kube_namespace, "net-a")
    assert refused.value.message.startswith(
        f"the NetworkAttachmentDefinition {kube_namespace}/net-a has more than the 64 KiB that are kept, and the "
        "API server can't be asked for it: "
    )


# --- while the API server is away ---


def test_what_was_heard_serves_while_the_server_is_away(
    control_plane: ControlPlane,
    kube_namespace: str,
    started: Start,
    monkeypatch: pytest.MonkeyPatch,
):
    bound: dict[str, float] = {}
    monkeypatch.setattr(log, "bind", bound.update)
    made = kubeobjects.pod(control_plane, kube_namespace, "cart", {NETWORKS: "net-a"})
    kubeobjects.nad(control_plane, kube_namespace, "net-a", '{"type": "bridge"}')
    cluster = started()
    control_plane.stop_apiserver(signal.SIGKILL)
    try:
        until(lambda: cluster.nads.reflector.problem, seconds=SECONDS, what="the outage to be noticed")
        until(lambda: cluster.nads.reflector.age() > 0.2, what="the age to grow")

        request = door(cluster)
        assert request.pod(kube_namespace, "cart", uid(made)).annotations == {NETWORKS: "net-a"}
        found = request.definition(kube_namespace, "net-a")

        assert found is not None
        assert found.config == '{"type": "bridge"}'
        assert bound["definitions_age"] >= 0.2
    finally:
        control_plane.start_apiserver()


def test_what_was_never_heard_of_is_named_while_the_server_is_away(unheard: KubeCluster, proxy: Proxy):
    proxy.refuse()

    with pytest.raises(TryAgain) as no_pod:
        door(unheard, 0.5).pod("shop", "cart", "0f")
    with pytest.raises(TryAgain) as no_definition:
        door(unheard, 0.5).definition("shop", "net-a")
    with pytest.raises(TryAgain) as no_time:
        door(unheard, 0.0).definition("shop", "net-a")

    server = f"the API server https://127.0.0.1:{proxy.port} did not answer to get"
    assert str(no_pod.value) == (
        f"the pod shop/cart was not seen before, and the API server can't be asked for it: {server} pods "
        "shop/cart: Connection refused (the runtime will try again)"
    )
    assert str(no_definition.value) == (
        "the NetworkAttachmentDefinition shop/net-a was not seen before, and the API server can't be asked for "
        f"it: {server} network-attachment-definitions shop/net-a: Connection refused (the runtime will try again)"
    )
    assert no_time.value.message.startswith("gave up before asking the API server: ")


def test_what_the_account_may_not_ask_is_said(make_api: MakeApi, kube_namespace: str):
    api = make_api(user=NOBODY)
    cluster = KubeCluster(api, PodCache(api, NODE), NadCache(api), Devices())

    with pytest.raises(ApiForbidden, match="needs the rules of the ClusterRole multinet"):
        door(cluster).definition(kube_namespace, "net-a")


def test_devices_are_asked_for_with_what_is_left_of_the_time(unheard: KubeCluster):
    assert door(unheard).devices(Pod(namespace="shop", name="vf")) == {"example.org/vf": ["True"]}
