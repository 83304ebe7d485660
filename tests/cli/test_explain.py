"""``multinet explain``: what is told of a pod, to people and to programs, on a node and elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, NODE, ControlPlane
from tests.support.explain import explain, refused
from tests.support.manifests import BRIDGE, NETWORKS, deployment, manifest, nad, pod

pytestmark = pytest.mark.usefixtures("nowhere")


def test_a_pod_is_explained_network_by_network(tmp_path: Path):
    asked = [
        {"name": "net-a", "ips": ["10.1.0.5/24"], "mac": "02:00:00:00:00:05"},
        {"name": "vf", "namespace": "infra", "interface": "vf0", "default-route": ["10.1.0.1"]},
    ]
    resources = {"limits": {"intel.com/sriov": "1", "cpu": "1"}}
    text = manifest(
        nad(BRIDGE),
        nad({"cniVersion": "1.0.0", "type": "sriov"}, "vf", namespace="infra", resource="intel.com/sriov"),
        pod(asked, spec={"containers": [{"name": "main", "resources": resources}]}),
    )
    (tmp_path / "cart.yaml").write_text(text)
    done = explain("-f", "cart.yaml")
    who = "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_INFRA_CONTAINER_ID=CONTAINER"
    assert (
        done.stdout
        == f"""\
Pod shop/cart-0
  from      cart.yaml:5
  settings  the defaults: no settings were found

INTERFACE  NETWORK                    ASKED FOR BY                 PLUGINS
eth0       the cluster's own network  found on the node
net1       shop/net-a                 k8s.v1.cni.cncf.io/networks  bridge+host-local
vf0        infra/vf                   k8s.v1.cni.cncf.io/networks  sriov

eth0: the cluster's own network
  why        every pod gets the cluster's own
  isolation  the settings of the node choose it for every pod
  not known  each node finds the cluster's own network itself

net1: shop/net-a
  why        net-a in the pod's namespace, shop
  isolation  namespaceIsolation is off
  CNI name   net-a
  addresses  10.1.0.5/24
  MAC        02:00:00:00:00:05
  plugins    1. bridge, addresses from host-local
  room       10.1.0.1-10.1.0.254: 253, how many are free is known on the node
  CNI_ARGS   {who};MAC=02:00:00:00:00:05;IP=10.1.0.5/24

vf0: infra/vf
  why            vf in the namespace infra, which the annotation names
  isolation      namespaceIsolation is off
  CNI name       vf
  resource       intel.com/sriov, a device of it
  default route  by 10.1.0.1
  plugins        1. sriov
  CNI_ARGS       {who}

nothing stands against it, as far as it is known here
"""
    )
    assert done.exit_code == 0
    assert explain("-f", "cart.yaml", "--dry-run").stdout == ""
    shown = explain("-f", "cart.yaml", "--configurations").stdout
    assert '  configuration 1, bridge:\n    {\n      "cniVersion": "1.0.0",\n' in shown
    assert '      "runtimeConfig": {\n        "ips": [\n          "10.1.0.5/24"\n' in shown


def test_programs_read_it_as_json_and_yaml():
    text = manifest(nad(BRIDGE), pod([{"name": "net-a", "cni-args": {"x": 1}}]))
    (told,) = json.loads(explain("-f", "-", "-o", "json", stdin=text).stdout)
    assert yaml.safe_load(explain("-f", "-", "-o", "yaml", stdin=text).stdout) == [told]
    assert {key: told[key] for key in told if key != "networks"} == {
        "pod": "shop/cart-0",
        "kind": "Pod",
        "where": "stdin:3",
        "settings": "the defaults: no settings were found",
        "wouldFail": False,
        "problems": [],
        "networkStatus": [],
        "events": [],
    }
    assert told["networks"][1] == {
        "network": "shop/net-a",
        "interface": "net1",
        "source": NETWORKS,
        "why": "net-a in the pod's namespace, shop",
        "isolation": "namespaceIsolation is off",
        "cniName": "net-a",
        "resource": "",
        "device": "",
        "ips": [],
        "mac": "",
        "defaultRoute": None,
        "args": "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_INFRA_CONTAINER_ID=CONTAINER",
        "plugins": [
            {
                "type": "bridge",
                "by": "delegate",
                "ipam": "host-local",
                "configuration": {**BRIDGE, "name": "net-a", "args": {"cni": {"x": 1}}},
            }
        ],
        "ranges": [{"addresses": "10.1.0.1-10.1.0.254", "size": 253, "used": None, "free": None}],
        "unknown": "",
        "problems": [],
    }
    wrong = json.loads(explain("-f", "-", "-o", "json", "--dry-run", stdin=manifest(pod("net-a"))).stdout)
    assert wrong == [
        {
            "severity": "error",
            "where": "stdin:1",
            "message": "there is no NetworkAttachmentDefinition shop/net-a",
            "remedy": "create it, or correct what an annotation of the pod says",
            "pod": "shop/cart-0",
        }
    ]


@pytest.fixture
def isolated(tmp_path: Path) -> Path:
    """A folder whose settings keep namespaces apart."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    plugin = {
        "type": "multinet",
        "namespaceIsolation": True,
        "globalNamespaces": ["infra"],
        "delegates": [BRIDGE],
    }
    plugin["delegates"] = [{**BRIDGE, "name": "pods"}]
    content = {"cniVersion": "1.0.0", "name": "multinet", "plugins": [plugin]}
    (folder / "multinet.conf").write_text(json.dumps(content))
    return folder


def test_namespaces_that_are_kept_apart_say_so_and_nothing_else(isolated: Path):
    definitions = [nad(BRIDGE, namespace=name) for name in ("infra", "shop", "till")]
    options = ("--folder", isolated)
    assert refused(*definitions, pod("till/net-a"), options=options) == [
        "error: the pod shop/cart-0 may not use till/net-a: namespaceIsolation is on",
        "    use a definition of namespace 'shop', or of a shared one (globalNamespaces: infra)",
    ]
    text = manifest(*definitions, pod("till/net-a, infra/net-a, shop/net-a"))
    (told,) = json.loads(explain("-f", "-", "-o", "json", *options, stdin=text).stdout)
    assert told["settings"] == f"{isolated}/multinet.conf"
    assert [(one["network"], one["source"], one["isolation"]) for one in told["networks"]] == [
        ("pods", "delegates[0]", "the settings of the node choose it for every pod"),
        (
            "till/net-a",
            NETWORKS,
            "namespaceIsolation is on, and its namespace is neither the pod's own nor shared",
        ),
        ("infra/net-a", NETWORKS, "its namespace is shared (globalNamespaces)"),
        ("shop/net-a", NETWORKS, "it is of the pod's own namespace"),
    ]


def test_what_makes_pods_is_explained_by_its_template():
    asked = [{"name": "net-a", "ips": ["10.1.0.5"]}]
    alone = explain("-f", "-", stdin=manifest(nad(BRIDGE), deployment(1, asked)))
    assert alone.stdout.startswith("Deployment shop/cart\n  from      stdin:3\n")
    assert alone.exit_code == 0
    several = explain("-f", "-", "--dry-run", stdin=manifest(nad(BRIDGE), deployment(3, asked)))
    assert several.stdout.splitlines() == [
        "stdin:3: shop/cart: error: shop/net-a: each of the 3 pods asks for the address 10.1.0.5, and only one "
        "can have it",
        "    let the network give out addresses, or make a workload for each pod",
    ]


def test_devices_of_a_claim_are_not_in_the_manifest():
    vf = nad({"cniVersion": "1.0.0", "type": "host-device", "device": "eth9"}, resource="intel.com/sriov")
    assert refused(vf, pod("net-a", spec={"resourceClaims": [{"name": "vf"}]})) == []


@pytest.mark.parametrize(
    ("args", "stdin", "message"),
    [
        ((), "", "name a POD, or a manifest by --file"),
        (("cart-0", "-f", "-"), "", "name a POD, or a manifest by --file"),
        (("-f", "-"), manifest(nad(BRIDGE)), "there is no pod, and nothing that makes pods, in -"),
    ],
)
def test_a_command_that_can_t_be_meant_is_refused(args: tuple[str, ...], stdin: str, message: str):
    done = explain(*args, stdin=stdin)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_a_pod_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path):
    done = explain("cart-0", "--folder", tmp_path, "-n", "shop")
    assert (done.exit_code, done.stderr) == (
        1,
        f"multinet: there is no pod shop/cart-0 in the folder {tmp_path} (a manifest is named by --file, "
        "another namespace as NAMESPACE/NAME)\n",
    )


@pytest.mark.kernel
def test_a_node_knows_what_is_left(tmp_path: Path):
    data, folder = tmp_path / "addresses", tmp_path / "cluster"
    (data / "net-a").mkdir(parents=True)
    (data / "net-a" / "10.1.0.2").write_text("cafe\r\neth1")
    folder.mkdir()
    cluster = tmp_path / "net.d"
    cluster.mkdir()
    (cluster / "10-pods.conf").write_text('{"cniVersion": "1.0.0", "name": "pods", "type": "bridge"}')
    config = tmp_path / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "folder": str(folder),
                "agent": {"cniConfDir": str(cluster)},
                "binDir": str(tmp_path / "bin"),
                "allowedPaths": [str(tmp_path)],
            }
        )
    )
    small = {"type": "host-local", "dataDir": str(data), "ranges": [[{"subnet": "10.1.0.0/29"}]]}
    definition = nad({**BRIDGE, "ipam": small})
    (folder / "net-a.yaml").write_text(manifest(definition, pod([{"name": "net-a", "ips": ["10.1.0.2"]}])))
    options = ("--config", config)
    told = explain("shop/cart-0", *options).stdout
    assert "  room       10.1.0.1-10.1.0.6: 4 of 5 free\n" in told
    assert told.splitlines()[-2:] == [
        "error: shop/net-a: the address 10.1.0.2 is taken: container cafe has it as eth1",
        "    ask for another, or end that pod first",
    ]
    assert "eth0       pods        found on the node            bridge\n" in told
    assert refused(nad({"cniVersion": "1.0.0", "type": "ovs"}, "x"), pod("x"), options=options) == [
        f'error: shop/x[ovs]: failed to find plugin "ovs" in path [{tmp_path}/bin]',
        "    install the executable on this node, or correct the configuration's 'type'",
    ]
    macvlan = {"cniVersion": "1.0.0", "type": "macvlan", "master": "nowhere0"}
    assert refused(nad(macvlan, "x"), pod("x"), options=options) == [
        'error: shop/x[macvlan]: the master "nowhere0" was not found: Link not found',
        "    correct the key 'master', or make that link on this node",
    ]
    there = pod("x", spec={"nodeName": "node-2"})
    assert refused(nad(macvlan, "x"), there, options=("--config", _named(config))) == [
        "note: it runs on the node node-2, and this is node-1: what only a node knows is not told",
        "    ask on node-2",
    ]
    for last in range(1, 7):
        (data / "net-a" / f"10.1.0.{last}").write_text("cafe\r\neth1")
    assert refused(definition, pod("net-a"), options=options)[:2] == [
        "error: shop/net-a: no address is left in 10.1.0.1-10.1.0.6: all 5 are taken",
        "    free some (`multinet ipam` shows whose they are), or widen the range",
    ]


def _named(config: Path) -> Path:
    """The settings of a node that says which one it is."""
    said = json.loads(config.read_text())
    named = config.with_name("named.yaml")
    named.write_text(json.dumps({**said, "agent": {**said["agent"], "nodeName": "node-1"}}))
    return named


@pytest.mark.cluster
def test_a_pod_of_a_real_cluster_tells_what_it_has_and_what_happened(
    control_plane: ControlPlane, kube_namespace: str
):
    kubeobjects.nad(control_plane, kube_namespace, "net-a", BRIDGE)
    status = [
        {
            "name": f"{kube_namespace}/net-a",
            "interface": "net1",
            "ips": ["10.1.0.2"],
            "mac": "02:00:00:00:00:02",
        }
    ]
    said = {NETWORKS: "net-a", "k8s.v1.cni.cncf.io/network-status": json.dumps(status)}
    made = kubeobjects.pod(control_plane, kube_namespace, "cart-0", said)
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "cart-0.1", "namespace": kube_namespace},
        "involvedObject": {
            "kind": "Pod",
            "namespace": kube_namespace,
            "name": "cart-0",
            "uid": made["metadata"]["uid"],
        },
        "type": "Warning",
        "reason": "FailedNetworks",
        "message": "no addresses left",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 3,
    }
    control_plane.ask("POST", f"/api/v1/namespaces/{kube_namespace}/events", event)
    done = explain("cart-0", "-n", kube_namespace, "--kubeconfig", control_plane.kubeconfig(ADMIN))
    assert done.exit_code == 0
    assert done.stdout.startswith(
        f"Pod {kube_namespace}/cart-0\n  from      the cluster {control_plane.server}\n"
    )
    assert [line.split() for line in done.stdout.splitlines()[-7:]] == [
        ["HAS", "NETWORK", "ADDRESSES", "MAC"],
        ["net1", f"{kube_namespace}/net-a", "10.1.0.2", "02:00:00:00:00:02"],
        [],
        ["WHEN", "EVENT", "MESSAGE"],
        ["2026-01-01T00:00:00Z", "FailedNetworks", "(x3)", "no", "addresses", "left"],
        [],
        ["nothing", "stands", "against", "it,", "as", "far", "as", "it", "is", "known", "here"],
    ]


@pytest.mark.cluster
@pytest.mark.kernel
def test_a_running_pods_devices_are_those_that_the_kubelet_gave_it(
    control_plane: ControlPlane, kube_namespace: str, tmp_path: Path
):
    vf = {"cniVersion": "1.0.0", "type": "sriov"}
    kubeobjects.nad(control_plane, kube_namespace, "vf", vf, resource_name="intel.com/vf")
    said = {NETWORKS: "vf, vf@vf1"}
    made = kubeobjects.pod(control_plane, kube_namespace, "cart-0", said)
    given = {
        "PodUID": made["metadata"]["uid"],
        "ContainerName": "main",
        "ResourceName": "intel.com/vf",
        "DeviceIDs": {"0": ["0000:03:02.1"]},
        "AllocResp": "",
    }
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_text(json.dumps({"Data": {"PodDeviceEntries": [given]}, "Checksum": 0}))
    agent = {
        "kubeconfig": str(control_plane.kubeconfig(ADMIN)),
        "nodeName": NODE,
        "podResourcesSocket": str(tmp_path / "none.sock"),
        "kubeletCheckpoint": str(checkpoint),
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"agent": agent, "delegates": [{**vf, "type": "bridge", "name": "pods"}]}))
    done = explain(f"{kube_namespace}/cart-0", "--config", config, "-o", "json")
    (told,) = json.loads(done.stdout)
    assert [(one["network"], one["device"]) for one in told["networks"]] == [
        ("pods", ""),
        (f"{kube_namespace}/vf", "0000:03:02.1"),
        (f"{kube_namespace}/vf", ""),
    ]
    assert [one["message"] for one in told["networks"][2]["problems"]] == [
        f"no device of the resource 'intel.com/vf' is left for {kube_namespace}/vf"
    ]
    assert told["networks"][1]["plugins"][0]["configuration"]["deviceID"] == "0000:03:02.1"
    assert done.exit_code == 1


@pytest.mark.cluster
def test_elsewhere_the_settings_are_those_of_the_daemonset(control_plane: ControlPlane, kube_namespace: str):
    place = "/api/v1/namespaces/kube-system/configmaps"
    content = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "multinet"},
        "data": {"config.yaml": "namespaceIsolation: true"},
    }
    control_plane.ask("POST", place, content)
    try:
        asked = pod("infra/net-a")
        asked["metadata"]["namespace"] = kube_namespace
        done = explain(
            "-f", "-", "--kubeconfig", control_plane.kubeconfig(ADMIN), stdin=manifest(nad(BRIDGE), asked)
        )
    finally:
        control_plane.ask("DELETE", f"{place}/multinet")
    assert done.stdout.splitlines()[:3] == [
        f"Pod {kube_namespace}/cart-0",
        "  from      stdin:3",
        "  settings  the ConfigMap kube-system/multinet",
    ]
    assert done.stdout.splitlines()[-2:] == [
        f"error: the pod {kube_namespace}/cart-0 may not use infra/net-a: namespaceIsolation is on",
        f"    use a definition of namespace '{kube_namespace}', or of a shared one (globalNamespaces: default)",
    ]
