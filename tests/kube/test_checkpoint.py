"""The file in which the kubelet keeps what device plugins gave to pods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from multinet.deadline import Deadline
from multinet.errors import BadEnvironment, DecodingFailure, IOFailure
from multinet.kube.checkpoint import Checkpoint
from multinet.plan import Pod

CART = Pod(namespace="shop", name="cart-0", uid="u-1")
VF = "intel.com/vf"


def entry(uid: str, container: str, ids: Any, resource: str = VF) -> dict[str, Any]:
    """As the kubelet's device manager writes it; AllocResp is a message of its own."""
    return {
        "PodUID": uid,
        "ContainerName": container,
        "ResourceName": resource,
        "DeviceIDs": ids,
        "AllocResp": "CiwKFFBDSURFVklDRV9JTlRFTF9DT01fVkYSFDAwMDA6MDM6MDIuMA==",
    }


def written(tmp_path: Path, *entries: dict[str, Any], registered: Any = None) -> Checkpoint:
    path = tmp_path / "kubelet_internal_checkpoint"
    data = {"PodDeviceEntries": list(entries) or None, "RegisteredDevices": registered}
    path.write_text(json.dumps({"Data": data, "Checksum": 2832817424}))
    return Checkpoint(path)


def test_the_devices_are_the_pods_by_its_uid_whichever_container_has_them(tmp_path: Path) -> None:
    checkpoint = written(
        tmp_path,
        entry("u-2", "main", {"0": ["d0"]}),
        entry("u-1", "main", {"0": ["d3", "d1"], "1": ["d2"]}),
        entry("u-1", "side", {"-1": ["d0"]}),
        entry("u-1", "main", {"0": ["0"]}, "rdma/a"),
    )

    assert checkpoint.allocated(CART, Deadline(5)) == {VF: ["d0", "d1", "d2", "d3"], "rdma/a": ["0"]}


def test_the_form_before_numa_nodes_is_read(tmp_path: Path) -> None:
    checkpoint = written(tmp_path, entry("u-1", "main", ["d2", "d1"]))

    assert checkpoint.allocated(CART, Deadline(5)) == {VF: ["d1", "d2"]}


def test_a_kubelet_that_has_given_nothing_has_written_null(tmp_path: Path) -> None:
    checkpoint = written(tmp_path)

    assert checkpoint.allocated(CART, Deadline(5)) == {}
    assert checkpoint.registered(Deadline(5)) == frozenset()


def test_the_resources_of_the_node_are_those_with_devices(tmp_path: Path) -> None:
    checkpoint = written(tmp_path, registered={VF: ["d1"], "gone.example.com/x": [], "rdma/a": ["0"]})

    assert checkpoint.registered(Deadline(5)) == {VF, "rdma/a"}


def test_a_pod_without_a_uid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadEnvironment) as raised:
        written(tmp_path).allocated(Pod(namespace="shop", name="cart-0"), Deadline(5))

    assert str(raised.value) == (
        "the devices of the pod shop/cart-0 can't be told without its UID "
        "(the runtime must give K8S_POD_UID in CNI_ARGS)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"Data": 1}',
        '{"Data": {"PodDeviceEntries": 1, "RegisteredDevices": 1}}',
        '{"Data": {"PodDeviceEntries": [1], "RegisteredDevices": [1]}}',
        json.dumps({"Data": {"PodDeviceEntries": [entry("u-1", "main", 1)], "RegisteredDevices": "x"}}),
        json.dumps(
            {"Data": {"PodDeviceEntries": [entry("u-1", "main", {"0": [1]})], "RegisteredDevices": 0.5}}
        ),
    ],
)
def test_another_form_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubelet_internal_checkpoint"
    path.write_text(text)
    for ask in (
        lambda: Checkpoint(path).allocated(CART, Deadline(5)),
        lambda: Checkpoint(path).registered(Deadline(5)),
    ):
        with pytest.raises(DecodingFailure) as raised:
            ask()
        assert str(raised.value) == (
            f"{path} is not the kubelet's list of devices in a form that is known "
            "(give the agent the kubelet's pod-resources socket instead)"
        )


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(IOFailure) as raised:
        Checkpoint(tmp_path / "absent").allocated(CART, Deadline(5))

    assert raised.value.message == f"could not read {tmp_path / 'absent'}: No such file or directory"
