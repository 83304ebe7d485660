"""Devices from the kubelet (a real gRPC server) through ADD to the plugins, and from DEL to whoever is next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multinet import __main__
from multinet.deadline import Deadline
from multinet.folder.cluster import FolderCluster
from multinet.kube.client import Access, Api
from multinet.kube.devices import Allocated, DeviceSource
from multinet.plan import Pod
from tests.support.kubelet import Kubelet
from tests.support.netns import Netns
from tests.verbs.node import Node

pytestmark = pytest.mark.kernel

VF = "intel.com/vf"

# A CNI program that keeps what it was told, and what its device-info file held at that moment.
PLUGIN = """#!/bin/sh
conf=$(cat)
said={folder}/said/$CNI_COMMAND-{name}-$CNI_CONTAINERID-$CNI_IFNAME
printf %s "$conf" > $said.json
file=$(printf %s "$conf" | sed -n 's/.*"CNIDeviceInfoFile": *"\\([^"]*\\)".*/\\1/p')
[ -f "$file" ] && cat "$file" > $said.info
if [ -e {folder}/{name}-fails ]; then echo '{{"cniVersion": "1.1.0", "code": 100, "msg": "no luck"}}'; exit 1; fi
[ "$CNI_COMMAND" != ADD ] || echo '{{"cniVersion": "1.1.0", "interfaces": [], "ips": []}}'
"""

PCI = {"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:03:02.0"}}


@pytest.fixture
def kubelet(tmp_path: Path) -> Iterator[Kubelet]:
    with Kubelet(tmp_path / "kubelet.sock") as running:
        yield running


@pytest.fixture
def node(node: Node, kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Pods and definitions from the folder, devices from the kubelet; the API server is not to be asked."""
    api = Api(Access(server="http://127.0.0.1:1"))
    source = DeviceSource(api, node_name="node-1", socket=kubelet.path, checkpoint=node.folder / "absent")

    class Cluster(FolderCluster):
        def devices(self, pod: Pod) -> Allocated:
            return source.allocated(pod, Deadline(10))

    monkeypatch.setattr(__main__, "FolderCluster", Cluster)
    (node.folder / "said").mkdir()
    plugin(node, "vf")
    node.define("sriov", resource=VF, type="vf", capabilities={"deviceID": True, "CNIDeviceInfoFile": True})
    yield node
    assert api.requests == {}
    api.close()


def plugin(node: Node, name: str) -> None:
    file = node.folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(PLUGIN.format(name=name, folder=node.folder))
    file.chmod(0o755)


def told(node: Node, call: str) -> dict[str, Any]:
    conf: dict[str, Any] = json.loads((node.folder / "said" / f"{call}.json").read_text())
    return conf


def device_ids(node: Node, container: str = "c1") -> dict[str, str]:
    """ifname -> device, as the plugin was told at ADD."""
    files = sorted((node.folder / "said").glob(f"ADD-vf-{container}-*.json"))
    return {file.stem.rpartition("-")[2]: json.loads(file.read_text())["deviceID"] for file in files}


def test_every_plugin_is_told_the_device_and_its_file_where_it_declares_them(
    node: Node, kubelet: Kubelet, pod: Netns
) -> None:
    plugin(node, "after")
    wanted = {"deviceID": True, "CNIDeviceInfoFile": True}
    node.define("sriov", resource=VF, plugins=[{"type": "vf", "capabilities": wanted}, {"type": "after"}])
    node.pod("cart", "sriov@data0")
    kubelet.give("default/cart", {"main": {VF: ["0000:03:02.0"]}})
    handed_out = node.folder / "devices" / "dp" / "intel.com-vf-0000:03:02.0-device.json"
    handed_out.parent.mkdir(parents=True)
    handed_out.write_text(json.dumps(PCI))
    (handed_out.parent / "other.com-vf-0000:03:02.0-device.json").write_text("{}")

    node.add(pod)

    first, second = told(node, "ADD-vf-c1-data0"), told(node, "ADD-after-c1-data0")
    assert [(one["deviceID"], one["pciBusID"]) for one in (first, second)] == [("0000:03:02.0",) * 2] * 2
    file = node.folder / "devices" / "cni" / "default-sriov-c1_data0"
    assert first["runtimeConfig"] == {"deviceID": "0000:03:02.0", "CNIDeviceInfoFile": str(file)}
    assert "runtimeConfig" not in second
    assert json.loads((node.folder / "said" / "ADD-vf-c1-data0.info").read_text()) == PCI
    assert node.status()[1]["device-info"] == PCI

    node.do("DEL", pod)

    assert told(node, "DEL-vf-c1-data0")["deviceID"] == "0000:03:02.0"
    assert told(node, "DEL-vf-c1-data0")["runtimeConfig"] == first["runtimeConfig"]
    assert json.loads((node.folder / "said" / "DEL-vf-c1-data0.info").read_text()) == PCI
    assert list(file.parent.iterdir()) == []
    assert handed_out.exists()


def test_devices_go_out_in_order_and_the_one_too_many_is_an_error(
    node: Node, kubelet: Kubelet, pod: Netns
) -> None:
    node.pod("cart", "sriov,sriov")
    kubelet.give("default/cart", {"main": {VF: ["d3"]}, "side": {VF: ["d1", "d2"]}})

    node.add(pod)
    assert device_ids(node) == {"net1": "d3", "net2": "d1"}
    assert kubelet.asked == ["Get"]
    node.do("DEL", pod)

    kubelet.pods.clear()
    kubelet.registered = [VF]
    kubelet.give("default/cart", {"main": {VF: ["d1"]}})
    assert node.refusal("ADD", pod) == {
        "code": 7,
        "msg": "no device of the resource 'intel.com/vf' is left for default/sriov",
        "details": "request as many of it in the pod's containers as there are networks that need one",
    }
    assert (pod.links(), node.records()) == ([], [])


def test_a_second_add_gives_the_same_devices_in_whatever_order_the_kubelet_tells_them(
    node: Node, kubelet: Kubelet, pod: Netns
) -> None:
    node.pod("cart", "sriov,sriov")
    kubelet.give("default/cart", {"main": {VF: ["d1", "d2", "d3"]}})
    first = node.add(pod)
    for file in (node.folder / "said").iterdir():
        file.unlink()

    kubelet.pods.clear()
    kubelet.give("default/cart", {"main": {VF: ["d3", "d2", "d1"]}})

    assert node.add(pod) == first
    assert device_ids(node) == {}  # no plugin was called


def test_who_names_no_resource_asks_nobody(node: Node, kubelet: Kubelet, pod: Netns) -> None:
    node.define("free", type="vf", capabilities={"deviceID": True})
    node.pod("cart", [{"name": "net-a"}, {"name": "free", "deviceID": "d7"}])

    node.add(pod)

    assert device_ids(node) == {"net2": "d7"}
    assert kubelet.asked == []


def held(container: str = "c1", pod: str = "cart") -> dict[str, Any]:
    return {
        "code": 11,
        "msg": f"the device 'd1' for default/sriov is not free: the sandbox {container} of the pod default/{pod} "
        "has it for default/sriov",
        "details": "the runtime will try again; it is free when that sandbox is deleted, and GC clears one that "
        "the runtime no longer knows",
    }


def test_a_device_is_not_given_to_the_next_pod_before_the_last_ones_del(
    node: Node, kubelet: Kubelet, pod: Netns
) -> None:
    """The kubelet gives it away as soon as the last one's containers have ended."""
    for name in ("cart", "next"):
        node.pod(name, "sriov")
        kubelet.give(f"default/{name}", {"main": {VF: ["d1"]}})
    node.add(pod, ifname="eth0")

    refused = node.refusal("ADD", pod, pod="next", container="c2", ifname="eth9")

    assert refused == held()
    assert node.records() == ["c1@eth0.json"]
    node.do("DEL", pod)
    node.add(pod, pod="next", container="c2")
    assert device_ids(node, "c2") == {"net1": "d1"}


def test_a_device_that_could_not_be_given_back_is_not_given_away(
    node: Node, kubelet: Kubelet, pod: Netns
) -> None:
    for name in ("cart", "next"):
        node.pod(name, "sriov")
        kubelet.give(f"default/{name}", {"main": {VF: ["d1"]}})
    fails = node.folder / "vf-fails"
    fails.touch()
    assert node.refusal("ADD", pod)["code"] == 100
    fails.unlink()

    assert node.refusal("ADD", pod, pod="next", container="c2") == held()

    node.gc()
    node.add(pod, pod="next", container="c2")


def test_what_was_held_before_the_node_was_started_anew_is_free(
    node: Node, kubelet: Kubelet, pod: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cart", "next"):
        node.pod(name, "sriov")
        kubelet.give(f"default/{name}", {"main": {VF: ["d1"]}})
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("an earlier one\n")
    with monkeypatch.context() as patched:
        patched.setattr(__main__, "BOOT_ID", boot_id)
        node.add(pod, ifname="eth0")

    node.add(pod, pod="next", container="c2", ifname="eth9")

    assert device_ids(node, "c2") == {"net1": "d1"}


def test_equal_ids_of_two_resources_may_be_held_at_once(node: Node, kubelet: Kubelet, pod: Netns) -> None:
    node.define("rdma", resource="rdma/a", type="vf")
    node.pod("cart", "sriov")
    node.pod("next", "rdma@data0")
    kubelet.give("default/cart", {"main": {VF: ["0"]}})
    kubelet.give("default/next", {"main": {"rdma/a": ["0"]}})
    node.add(pod, ifname="eth0")

    node.add(pod, pod="next", container="c2", ifname="eth9")

    assert device_ids(node, "c2") == {"data0": "0"}


def test_a_cluster_network_with_devices_is_asked_and_cleared_without_one(
    node: Node, kubelet: Kubelet, pod: Netns
) -> None:
    """A pod's device is the pod's; the network's STATUS, GC and the DEL of a stranger are nobody's."""
    declared = {"deviceID": True, "CNIDeviceInfoFile": True}
    node.define("kube-system/sriov", resource=VF, type="vf", capabilities=declared)
    node.settings = {"clusterNetwork": "sriov", "delegates": []}
    node.pod("cart")
    kubelet.give("default/cart", {"main": {VF: ["d1"]}})
    node.add(pod)
    assert told(node, "ADD-vf-c1-eth0")["deviceID"] == "d1"
    assert kubelet.asked == ["Get"]

    node.do("STATUS")
    node.gc(("c1", "eth0"))
    node.do("DEL", container="stranger")

    assert kubelet.asked == ["Get"]
    assert "deviceID" not in told(node, "STATUS-vf--")
    assert "deviceID" not in told(node, "DEL-vf-stranger-eth0")
    assert told(node, "GC-vf--")["cni.dev/valid-attachments"] == [{"containerID": "c1", "ifname": "eth0"}]
