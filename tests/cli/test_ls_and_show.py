"""``multinet ls`` and ``show``: of a folder and a real cluster by network-status, on a node by the journal and the
kernel.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from multinet.npwg.annotations import NETWORK_STATUS
from tests.cli.settings_of_a_node import NodeFiles, run
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.netns import Netns

STATUS = [
    {"name": "pods", "interface": "eth0", "ips": ["10.244.0.7"], "mac": "02:00:00:00:00:01", "default": True},
    {
        "name": "shop/storage",
        "interface": "net1",
        "ips": ["10.10.0.10", "fd00::10"],
        "mac": "02:00:0a:0a:00:0a",
        "mtu": 9000,
        "gateway": ["10.10.0.1"],
        "dev.multinet.addresses": ["10.10.0.10/24", "fd00::10/64"],
        "dev.multinet.routes": [{"dst": "192.0.2.0/24", "gw": "10.10.0.1"}],
        "dev.multinet.host-interfaces": ["br1", "veth1"],
        "dev.multinet.plugins": ["bridge", "tuning"],
    },
    {"name": "shop/removed", "interface": "net2", "mac": "02:00:00:00:00:03"},
]
MANIFESTS = f"""
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {{name: storage, namespace: shop}}
spec:
  config: |
    {{"cniVersion": "1.0.0", "plugins": [{{"type": "bridge", "ipam": {{"type": "static"}}}}, {{"type": "tuning"}}]}}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: fast
  namespace: shop
  annotations: {{k8s.v1.cni.cncf.io/resourceName: example.com/vf}}
spec: {{config: '{{"cniVersion": "1.0.0", "type": "sriov"}}'}}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {{name: broken, namespace: shop}}
spec: {{config: '{{'}}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  annotations:
    k8s.v1.cni.cncf.io/networks: storage
    k8s.v1.cni.cncf.io/network-status: '{json.dumps(STATUS)}'
spec: {{nodeName: node-1}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-1, namespace: shop, annotations: {{k8s.v1.cni.cncf.io/networks: storage}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: odd, namespace: shop, annotations: {{k8s.v1.cni.cncf.io/network-status: '['}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: plain, namespace: shop}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    made = tmp_path / "cluster"
    made.mkdir()
    (made / "all.yaml").write_text(MANIFESTS)
    return str(made)


def test_pods_are_listed_with_what_they_were_told_to_have(folder: str) -> None:
    assert run("ls", "--folder", folder).stdout == (
        "POD         NODE    STATE       INTERFACE  NETWORK         ADDRESSES      MAC\n"
        "shop/odd            unreadable\n"
        "shop/web-0  node-1  attached    eth0       pods (default)  10.244.0.7     02:00:00:00:00:01\n"
        "                                net1       shop/storage    10.10.0.10/24  02:00:0a:0a:00:0a\n"
        "                                                           fd00::10/64\n"
        "                                net2       shop/removed                   02:00:00:00:00:03\n"
        "shop/web-1          asked\n"
    )


def test_pods_without_networks_of_their_own_are_listed_when_all_are_wanted(folder: str) -> None:
    found = json.loads(run("ls", "--folder", folder, "--all", "-o", "json").stdout)

    assert [(pod["name"], pod["state"]) for pod in found] == [
        ("odd", "unreadable"),
        ("plain", "plain"),
        ("web-0", "attached"),
        ("web-1", "asked"),
    ]


def test_networks_are_listed_with_who_has_them_also_those_that_are_gone(folder: str) -> None:
    found = json.loads(run("ls", "networks", "--folder", folder, "-o", "json").stdout)
    problem = found[2].pop("problem")

    assert problem.startswith("error parsing configuration list: expected a key in double quotes")
    assert found == [
        {
            "network": network,
            "defined": defined,
            "plugins": plugins,
            "ipam": ipam,
            "resource": resource,
            "pods": pods,
            "interfaces": pods,
            **({"problem": problem} if network != "shop/broken" else {}),
        }
        for network, defined, plugins, ipam, resource, pods, problem in (
            ("pods", False, [], "", "", 1, ""),
            ("shop/removed", False, [], "", "", 1, "its definition is gone"),
            ("shop/broken", True, [], "", "", 0, ""),
            ("shop/fast", True, ["sriov"], "", "example.com/vf", 0, ""),
            ("shop/storage", True, ["bridge", "tuning"], "static", "", 1, ""),
        )
    ]


def test_a_pod_of_a_folder_is_shown_as_its_status_tells(folder: str) -> None:
    assert run("show", "web-0", "-n", "shop", "--folder", folder).stdout == (
        "pod    shop/web-0\n"
        "node   node-1\n"
        "state  attached: it has what is told\n"
        "\n"
        "INTERFACE  NETWORK         ADDRESSES      MAC                MTU   GATEWAY    MADE BY         ON THE NODE\n"
        "eth0       pods (default)  10.244.0.7     02:00:00:00:00:01\n"
        "net1       shop/storage    10.10.0.10/24  02:00:0a:0a:00:0a  9000  10.10.0.1  bridge, tuning  br1, veth1\n"
        "                           fd00::10/64\n"
        "net2       shop/removed                   02:00:00:00:00:03\n"
        "\n"
        "ROUTE         GATEWAY    INTERFACE  TABLE\n"
        "192.0.2.0/24  10.10.0.1  net1       main\n"
    )


def test_a_pod_that_is_not_there_is_an_error(folder: str) -> None:
    assert run("show", "nobody", "--folder", folder, fails=1).stderr == (
        f"multinet: there is no pod default/nobody in the folder {folder} (-n names another namespace; "
        "`multinet ls` lists the pods that have networks)\n"
    )


@pytest.mark.cluster
def test_a_live_cluster_is_listed_alike(control_plane: ControlPlane, kube_namespace: str) -> None:
    kubeobjects.nad(control_plane, kube_namespace, "lan", {"cniVersion": "1.0.0", "type": "macvlan"})
    told = json.dumps([{**STATUS[1], "name": f"{kube_namespace}/lan"}])
    kubeobjects.pod(control_plane, kube_namespace, "web", {NETWORK_STATUS: told})
    source = ("-n", kube_namespace, "--kubeconfig", str(control_plane.kubeconfig(ADMIN)))
    (pod,) = json.loads(run("ls", *source, "-o", "json").stdout)
    (network,) = json.loads(run("ls", "networks", *source, "-o", "json").stdout)
    shown = json.loads(run("show", "web", *source, "-o", "json").stdout)

    assert (pod["name"], pod["node"], pod["interfaces"][0]["addresses"]) == (
        "web",
        "node-1",
        ["10.10.0.10/24", "fd00::10/64"],
    )
    assert (network["network"], network["plugins"], network["pods"]) == (
        f"{kube_namespace}/lan",
        ["macvlan"],
        1,
    )
    assert shown["networkStatus"][0]["interface"] == "net1"


@pytest.fixture
def node(tmp_path: Path, pod: Netns) -> NodeFiles:
    """With one pod whose interface is as the journal has it."""
    made = NodeFiles(folder=tmp_path)
    made.write()
    pod.ip("link", "add", "eth0", "address", "02:00:00:00:00:01", "type", "bridge")
    pod.ip("link", "set", "eth0", "up")
    pod.ip("address", "add", "10.244.0.2/28", "dev", "eth0")
    pod.ip("route", "add", "192.0.2.0/24", "via", "10.244.0.1")
    made.record("shop/web-0", "container-1", pod.path, mac="02:00:00:00:00:01")
    return made


@pytest.mark.kernel
def test_on_a_node_the_journal_is_listed_also_what_did_not_end(node: NodeFiles) -> None:
    node.record("shop/late", "container-2", "/run/netns/none", finished=False)

    assert node.run("ls").stdout == (
        "POD         NODE    STATE     INTERFACE  NETWORK         ADDRESSES      MAC\n"
        "shop/late   node-1  intended\n"
        "shop/web-0  node-1  attached  eth0       pods (default)  10.244.0.2/28  02:00:00:00:00:01\n"
    )
    assert node.run("ls", "networks").stdout == (
        "NETWORK  PLUGINS  IPAM        PODS  INTERFACES  RESOURCE\npods     bridge   host-local  1     1\n"
    )


@pytest.mark.kernel
def test_a_pod_that_is_as_it_was_made_differs_in_nothing(node: NodeFiles, pod: Netns) -> None:
    (shown,) = node.json("show", "shop/web-0")

    assert shown["differences"] == []
    assert [one["name"] for one in shown["interfaces"]] == ["lo", "eth0"]
    assert shown["interfaces"][1]["network"] == "pods"
    assert "state      as it was made\n" in node.run("show", "container-1").stdout


@pytest.mark.kernel
def test_each_difference_between_the_journal_and_the_kernel_is_told(node: NodeFiles, pod: Netns) -> None:
    pod.ip("route", "delete", "192.0.2.0/24")
    pod.ip("address", "delete", "10.244.0.2/28", "dev", "eth0")
    pod.ip("address", "add", "10.9.0.9/24", "dev", "eth0")
    pod.ip("link", "set", "eth0", "address", "02:00:00:00:00:99")
    pod.ip("link", "set", "eth0", "down")
    pod.ip("link", "add", "tun0", "type", "bridge")
    (shown,) = node.json("show", "web-0", fails=1)

    assert [(one["interface"], one["says"], one["wrong"]) for one in shown["differences"]] == [
        ("eth0", "it has the MAC 02:00:00:00:00:99 and was given 02:00:00:00:00:01", True),
        ("eth0", "it is down", True),
        ("eth0", "the address 10.244.0.2/28 is gone", True),
        ("eth0", "it has the address 10.9.0.9/24, which it was not given", False),
        ("eth0", "the route to 192.0.2.0/24 over 10.244.0.1 is gone", True),
        ("tun0", "no network on record has this interface", False),
    ]


@pytest.mark.kernel
def test_a_pod_whose_namespace_is_gone_is_shown_by_what_is_on_record(node: NodeFiles) -> None:
    node.record("shop/web-9", "container-9", "/run/netns/none")
    (shown,) = node.json("show", "web-9", fails=1)

    assert (shown["state"], shown["problem"], len(shown["recorded"])) == (
        "gone",
        'failed to open netns "/run/netns/none": failed to Statfs "/run/netns/none": no such file or directory',
        1,
    )


def test_a_name_that_means_nothing_or_two_things_is_an_error(tmp_path: Path) -> None:
    node = NodeFiles(folder=tmp_path)
    node.write()
    node.record("shop/web-0", "container-1", "/run/netns/none")
    node.record("test/web-0", "container-2", "/run/netns/none")

    assert node.run("show", "web-1", fails=1).stderr == (
        "multinet: nothing of web-1 is on record on this node (did you mean web-0?)\n"
    )
    assert node.run("show", "web-0", fails=1).stderr == (
        "multinet: web-0 may be shop/web-0 or test/web-0 (write the namespace too)\n"
    )
