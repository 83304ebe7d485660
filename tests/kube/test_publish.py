"""network-status on real pods: what is written, what is left alone, and what happens when the pod is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from ipaddress import ip_interface

import pytest

from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube.client import Api
from multinet.kube.errors import ApiUnavailable
from multinet.kube.publish import publish
from multinet.npwg import status
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane
from tests.support.proxy import Proxy
from tests.support.wait import until

pytestmark = pytest.mark.cluster

ENTRIES = (
    NetworkStatus(name="kindnet", interface="eth0", ips=(ip_interface("10.0.0.2/24"),), default=True),
    NetworkStatus(name="default/net-a", interface="net1", ips=(ip_interface("fd00::2/64"),), mtu=1500),
)


@pytest.fixture
def pod(control_plane: ControlPlane, kube_namespace: str) -> Pod:
    made = kubeobjects.pod(control_plane, kube_namespace, "web", {"mine": "1"})
    return Pod(namespace=kube_namespace, name="web", uid=made["metadata"]["uid"])


def annotations(plane: ControlPlane, pod: Pod) -> dict[str, str]:
    found: dict[str, str] = kubeobjects.get_pod(plane, pod.namespace, pod.name)["metadata"]["annotations"]
    return found


def test_the_annotation_is_there_beside_the_others_and_cost_one_request(
    control_plane: ControlPlane, api: Api, pod: Pod
):
    before = control_plane.count(AGENT)
    publish(api, pod, ENTRIES, Deadline(10))
    found = annotations(control_plane, pod)
    assert status.parse(found[NETWORK_STATUS]) == ENTRIES
    assert found == {"mine": "1", NETWORK_STATUS: status.write(ENTRIES)}
    assert [(one.verb, one.resource, one.code) for one in control_plane.requests(AGENT)[before:]] == [
        ("patch", "pods/status", 200)
    ]


def test_what_was_written_before_is_replaced(control_plane: ControlPlane, api: Api, pod: Pod):
    publish(api, pod, ENTRIES, Deadline(10))
    publish(api, pod, ENTRIES[:1], Deadline(10))
    assert status.parse(annotations(control_plane, pod)[NETWORK_STATUS]) == ENTRIES[:1]


def test_without_a_uid_the_pod_of_that_name_is_meant(control_plane: ControlPlane, api: Api, pod: Pod):
    publish(api, Pod(namespace=pod.namespace, name=pod.name), ENTRIES, Deadline(10))
    assert NETWORK_STATUS in annotations(control_plane, pod)


def test_a_pod_that_was_replaced_by_another_of_its_name_is_not_written_to(
    control_plane: ControlPlane, api: Api, pod: Pod
):
    kubeobjects.delete_pod(control_plane, pod.namespace, pod.name)
    kubeobjects.pod(control_plane, pod.namespace, pod.name, {"another": "1"})
    before = control_plane.count(AGENT)
    with pytest.raises(TryAgain) as refused:
        publish(api, pod, ENTRIES, Deadline(10))
    assert str(refused.value) == (
        f"could not write the network-status of {pod}: the pod of that name is another by now and does not"
        f" have the UID {pod.uid} (it was deleted and made anew while it got its networks)"
    )
    assert annotations(control_plane, pod) == {"another": "1"}
    assert control_plane.count(AGENT) == before + 1


def test_a_pod_that_is_gone_says_so(control_plane: ControlPlane, api: Api, pod: Pod):
    kubeobjects.delete_pod(control_plane, pod.namespace, pod.name)
    with pytest.raises(TryAgain) as refused:
        publish(api, pod, ENTRIES, Deadline(10))
    assert str(refused.value) == (
        f"could not write the network-status of {pod}: the pod is gone from the API server"
        " (it was deleted while it got its networks)"
    )


def test_nobody_who_writes_at_the_same_time_loses_anything(control_plane: ControlPlane, api: Api, pod: Pod):
    def annotate(number: int) -> None:
        for turn in range(5):
            others = {f"other-{number}": str(turn)}
            kubeobjects.annotate(control_plane, pod.namespace, pod.name, others)

    def write() -> None:
        for _ in range(5):
            publish(api, pod, ENTRIES, Deadline(20))

    threads = [threading.Thread(target=annotate, args=[number]) for number in range(4)]
    threads += [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert annotations(control_plane, pod) == {
        "mine": "1",
        NETWORK_STATUS: status.write(ENTRIES),
        **{f"other-{number}": "4" for number in range(4)},
    }


def test_an_api_server_that_is_away_is_waited_for_inside_the_deadline(
    control_plane: ControlPlane, make_api: Callable[..., Api], pod: Pod
):
    with Proxy(control_plane.port) as proxy:
        api = make_api(port=proxy.port)
        proxy.refuse()
        with pytest.raises(ApiUnavailable) as away:
            publish(api, pod, ENTRIES, Deadline(1))
        assert str(away.value) == (
            f"the API server https://127.0.0.1:{proxy.port} did not answer to"
            f" patch pods/status {pod}: Connection refused"
        )
        tries = api.requests["patch", "pods/status"]

        def come_back() -> None:
            until(lambda: api.requests["patch", "pods/status"] > tries + 1)
            proxy.open()

        meanwhile = threading.Thread(target=come_back)
        meanwhile.start()
        publish(api, pod, ENTRIES, Deadline(20))
        meanwhile.join()
    assert status.parse(annotations(control_plane, pod)[NETWORK_STATUS]) == ENTRIES


def test_a_connection_that_died_half_open_costs_one_more_try(
    control_plane: ControlPlane, make_api: Callable[..., Api], pod: Pod
):
    with Proxy(control_plane.port) as proxy:
        api = make_api(port=proxy.port)
        publish(api, pod, ENTRIES[:1], Deadline(10))
        proxy.freeze()
        publish(api, pod, ENTRIES, Deadline(4))
        assert api.requests == {("patch", "pods/status"): 3}
    assert status.parse(annotations(control_plane, pod)[NETWORK_STATUS]) == ENTRIES
