"""The kubelet's PodResources service, asked over our own gRPC; the one who answers is the gRPC library."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import grpc
import pytest

from multinet.deadline import Deadline
from multinet.errors import DecodingFailure, MultinetError, TryAgain
from multinet.kube.grpc import MOST_BYTES, Refused
from multinet.kube.podresources import PodResources
from multinet.plan import Pod
from tests.support.kubelet import Kubelet

CART = Pod(namespace="shop", name="cart-0", uid="u-1")
VF = "intel.com/vf"


@pytest.fixture
def kubelet(tmp_path: Path) -> Iterator[Kubelet]:
    with Kubelet(tmp_path / "kubelet.sock") as running:
        yield running


def allocated(kubelet: Kubelet, seconds: float = 5, pod: Pod = CART) -> dict[str, list[str]]:
    return PodResources(kubelet.path).allocated(pod, Deadline(seconds))


def refusal(path: Path, seconds: float = 5) -> MultinetError:
    with pytest.raises(MultinetError) as raised:
        PodResources(path).allocated(CART, Deadline(seconds))
    return raised.value


def test_the_devices_of_one_pod_are_asked_for_and_come_by_resource(kubelet: Kubelet) -> None:
    kubelet.give("shop/cart-1", {"main": {VF: ["0000:03:02.7"]}})
    kubelet.give("shop/cart-0", {"main": {VF: ["0000:03:02.0"], "rdma/a": ["0"]}})

    assert allocated(kubelet) == {VF: ["0000:03:02.0"], "rdma/a": ["0"]}
    assert kubelet.asked == ["Get"]


def test_the_first_containers_devices_come_first_and_a_containers_own_are_sorted(kubelet: Kubelet) -> None:
    """Its ids are a set to the kubelet; the order of the containers is the pod's."""
    kubelet.give("shop/cart-0", {"z": {VF: ["d9", "d4"]}, "a": {VF: ["d1", "d4"]}})

    assert allocated(kubelet) == {VF: ["d4", "d9", "d1"]}


def test_a_pod_without_devices_has_none(kubelet: Kubelet) -> None:
    kubelet.give("shop/cart-0", {"main": {}})

    assert allocated(kubelet) == {}


@pytest.mark.parametrize("how", [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNKNOWN])
def test_a_kubelet_that_can_only_list_is_asked_to(kubelet: Kubelet, how: grpc.StatusCode) -> None:
    kubelet.refuse_get = how
    kubelet.give("shop/cart-0", {"main": {VF: ["d1"]}})
    kubelet.give("shop/cart-1", {"main": {VF: ["d2"]}})
    kubelet.give("other/cart-0", {"main": {VF: ["d3"]}})

    assert allocated(kubelet) == {VF: ["d1"]}
    assert kubelet.asked == ["Get", "List"]


def test_a_big_answer_comes_in_many_frames(kubelet: Kubelet) -> None:
    """Some megabytes: many times what may be sent without our leave."""
    kubelet.refuse_get = grpc.StatusCode.UNIMPLEMENTED
    kubelet.give("shop/cart-0", {"main": {VF: ["d1"]}})
    for number in range(300):
        kubelet.give(f"other/pod-{number}", {"main": {VF: [f"{number}-{'x' * 10_000}"]}})

    assert allocated(kubelet) == {VF: ["d1"]}


def test_an_answer_that_is_too_big_is_refused(kubelet: Kubelet) -> None:
    kubelet.give("shop/cart-0", {"main": {VF: ["x" * MOST_BYTES]}})

    error = refusal(kubelet.path)

    assert isinstance(error, DecodingFailure)
    assert str(error) == f"{kubelet.path} answered Get with more than 16 MiB"


def test_a_pod_that_the_kubelet_does_not_know_is_tried_again(kubelet: Kubelet) -> None:
    error = refusal(kubelet.path)

    assert isinstance(error, TryAgain)
    assert str(error) == (
        "the kubelet knows no pod shop/cart-0 (it may be about to change; the runtime will try again)"
    )
    assert kubelet.asked == ["Get", "List"]


def test_two_pods_of_one_name_are_not_mixed_up(kubelet: Kubelet) -> None:
    kubelet.refuse_get = grpc.StatusCode.UNIMPLEMENTED
    kubelet.give("shop/cart-0", {"main": {VF: ["d1"]}})
    kubelet.give("shop/cart-0", {"main": {VF: ["d2"]}})

    assert refusal(kubelet.path).message == (
        "the kubelet tells of 2 pods shop/cart-0, and not which is which"
    )


def test_another_status_is_an_error_with_the_kubelets_own_words(kubelet: Kubelet) -> None:
    kubelet.refuse_get = grpc.StatusCode.PERMISSION_DENIED

    error = refusal(kubelet.path)

    assert isinstance(error, Refused)
    assert str(error) == (
        f"{kubelet.path} answered Get with the gRPC status 7: this kubelet won't: Größe 100%"
    )


def test_a_kubelet_that_is_asked_too_often_is_asked_again(kubelet: Kubelet) -> None:
    kubelet.give("shop/cart-0", {"main": {VF: ["d1"]}})
    kubelet.too_often = 3

    assert allocated(kubelet) == {VF: ["d1"]}
    assert kubelet.asked == ["Get"] * 4


def test_a_kubelet_that_is_asked_too_often_until_the_end_is_tried_again_later(kubelet: Kubelet) -> None:
    kubelet.too_often = 1000

    error = refusal(kubelet.path, seconds=0.3)

    assert isinstance(error, TryAgain)
    assert str(error) == (
        f"{kubelet.path} answered Get with the gRPC status 8: rejected by rate limit (the runtime will try again)"
    )


def test_a_kubelet_that_does_not_answer_costs_no_more_than_the_deadline(kubelet: Kubelet) -> None:
    kubelet.held.clear()
    deadline = Deadline(0.3)

    with pytest.raises(TryAgain) as raised:
        PodResources(kubelet.path).allocated(CART, deadline)

    assert str(raised.value) == f"{kubelet.path} did not answer Get in time (the runtime will try again)"
    assert deadline.remaining() == 0


def test_nothing_is_asked_when_no_time_is_left(kubelet: Kubelet) -> None:
    deadline = Deadline(60)
    deadline.end("the agent stops")

    with pytest.raises(TryAgain) as raised:
        PodResources(kubelet.path).allocated(CART, deadline)

    assert raised.value.message == "gave up before asking the kubelet for the pod's devices: the agent stops"
    assert kubelet.asked == []


def test_the_resources_of_the_node_are_told(kubelet: Kubelet) -> None:
    kubelet.registered = [VF, "rdma/a", VF]

    assert PodResources(kubelet.path).registered(Deadline(5)) == {VF, "rdma/a"}
    assert kubelet.asked == ["GetAllocatableResources"]


def test_a_damaged_answer_is_told_with_the_socket(kubelet: Kubelet) -> None:
    kubelet.damage = b"\x0a\x20cut"

    error = refusal(kubelet.path)

    assert isinstance(error, DecodingFailure)
    assert str(error) == (f"{kubelet.path}: the message is cut short: field 1 has 32 bytes, 3 are left")


def test_a_socket_that_nobody_serves_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "kubelet.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))

    error = refusal(path)

    assert isinstance(error, TryAgain)
    assert str(error) == (
        f"could not ask {path} for Get: Connection refused "
        "(what serves that socket may be starting; the runtime will try again)"
    )
    path.unlink()
    assert refusal(path).message == f"could not ask {path} for Get: No such file or directory"


SETTINGS = b"\0\0\0\4\0\0\0\0\0"
"""An empty frame of settings, with which an HTTP/2 server begins."""

HEADERS = b"\0\0\1\1\5\0\0\0\1\x88"
""":status 200 and the end of the stream."""


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (b"", TryAgain, "{path} hung up before it answered Get"),
        (SETTINGS, TryAgain, "{path} hung up before it answered Get"),
        (SETTINGS + b"\0\0\4\3\0\0\0\0\1\0\0\0\2", TryAgain, "{path} hung up before it answered Get"),
        (
            b"\0\0\1" + SETTINGS[3:] + b"?",
            DecodingFailure,
            "what answers at {path} does not speak gRPC: ",
        ),
        (SETTINGS + HEADERS, DecodingFailure, "{path} answered Get without a gRPC status (HTTP status 200)"),
    ],
    ids=["nothing", "a greeting", "a reset", "settings of one byte", "no status"],
)
def test_what_is_no_kubelet_is_told_so(
    tmp_path: Path, said: bytes, kind: type[MultinetError], message: str
) -> None:
    path = tmp_path / "kubelet.sock"
    with socket.create_server(str(path), family=socket.AF_UNIX) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

        thread = Thread(target=serve)
        thread.start()
        error = refusal(path)
        thread.join(5)

    assert isinstance(error, kind)
    assert error.message.startswith(message.format(path=path))
