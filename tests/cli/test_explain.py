"""``multinet explain``: what a pod is given, and the mistakes that people make with annotations and definitions, each
with the whole of what is said of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from multinet.cli import main, sources
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane

NETWORKS = "k8s.v1.cni.cncf.io/networks"
DEFAULT = "v1.multus-cni.io/default-network"
IPAM = {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]]}
BRIDGE = {"cniVersion": "1.0.0", "type": "bridge", "capabilities": {"ips": True, "mac": True}, "ipam": IPAM}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster, and not a node."""
    monkeypatch.setattr(sources, "CONFIG", tmp_path / "no-config.yaml")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def explain(*args: object, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, args)], input=stdin, catch_exceptions=False)


def nad(
    config: object, name: str = "net-a", *, namespace: str = "shop", resource: str = ""
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if resource:
        metadata["annotations"] = {"k8s.v1.cni.cncf.io/resourceName": resource}
    text = config if isinstance(config, str) else json.dumps(config)
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": metadata,
        "spec": {"config": text},
    }


def pod(networks: object, /, *, spec: dict[str, Any] | None = None, default: str = "") -> dict[str, Any]:
    text = networks if isinstance(networks, str) else json.dumps(networks)
    said = {NETWORKS: text} if text else {}
    if default:
        said[DEFAULT] = default
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cart-0", "namespace": "shop", "annotations": said},
        "spec": spec or {"containers": []},
    }


def deployment(replicas: int, networks: object) -> dict[str, Any]:
    template = pod(networks)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"annotations": template["metadata"]["annotations"]}, "spec": {}},
        },
    }


def manifest(*objects: dict[str, Any]) -> str:
    return "---\n".join(json.dumps(one) + "\n" for one in objects)


def refused(*objects: dict[str, Any], options: tuple[object, ...] = ()) -> list[str]:
    """What stands against the pods of a manifest, without where they are."""
    done = explain("-f", "-", "--dry-run", *options, stdin=manifest(*objects))
    assert done.exit_code == int("error: " in done.stdout)
    return [line.partition(": shop/cart-0: ")[2] or line for line in done.stdout.splitlines()]


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


def test_the_annotation_is_pointed_into():
    assert refused(nad(BRIDGE), pod("net-a@eth1, net_b")) == [
        "error: k8s.v1.cni.cncf.io/networks: expected a network name: lower-case letters, digits and '-'",
        "    net-a@eth1, net_b",
        "                   ^",
    ]
    assert refused(nad(BRIDGE), pod('[{"name": "net-a", "addresses": ["10.1.0.5"]}]')) == [
        'error: k8s.v1.cni.cncf.io/networks: unknown key "addresses": did you mean "ips"?',
        '    [{"name": "net-a", "addresses": ["10.1.0.5"]}]',
        "                       ^",
    ]


def test_a_definition_of_another_namespace_is_not_the_one_that_is_named():
    assert refused(nad(BRIDGE, namespace="infra"), pod("net-a")) == [
        "error: there is no NetworkAttachmentDefinition shop/net-a",
        "    did you mean infra/net-a?",
    ]
    assert refused(nad(BRIDGE, "net-b"), pod("net-a")) == [
        "error: there is no NetworkAttachmentDefinition shop/net-a",
        "    did you mean shop/net-b?",
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


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        pytest.param(
            [
                nad({**BRIDGE, "type": "ipvlan", "master": "eth0"}),
                pod([{"name": "net-a", "mac": "02:00:00:00:00:05"}]),
            ],
            [
                "error: shop/net-a: the MAC 02:00:00:00:00:05 was asked for, but the network's plugins did not use "
                "it",
                '    add "capabilities": {"mac": true} to a plugin of the network that can',
            ],
            id="a MAC that no plugin takes",
        ),
        pytest.param(
            [
                nad({"cniVersion": "1.0.0", "type": "macvlan", "master": "eth0"}),
                pod([{"name": "net-a", "ips": ["10.1.0.5/24"]}]),
            ],
            [
                "error: shop/net-a: the address 10.1.0.5/24 was asked for, but the network's plugins did not use it",
                '    add "capabilities": {"ips": true} to a plugin of the network that can',
            ],
            id="an address without IPAM",
        ),
        pytest.param(
            [nad({"cniVersion": "1.0.0", "type": "ovs"}), pod([{"name": "net-a", "ips": ["10.1.0.5"]}])],
            [
                "warning: shop/net-a: the address 10.1.0.5 was asked for, but the network's plugins did not use it",
                '    add "capabilities": {"ips": true} to a plugin of the network that can',
            ],
            id="an address for a program that may take it",
        ),
        pytest.param(
            [
                nad({**BRIDGE, "capabilities": {}}),
                pod([{"name": "net-a", "ips": ["10.1.0.5"], "mac": "02:00:00:00:00:05"}]),
            ],
            [],
            id="both by CNI_ARGS alone",
        ),
        pytest.param(
            [nad(BRIDGE), pod([{"name": "net-a", "bandwidth": {"ingressRate": 1000}}])],
            [
                "error: shop/net-a: 'bandwidth' is asked for, but no plugin of the network takes it",
                '    add "capabilities": {"bandwidth": true} to the plugin that is to do it',
            ],
            id="a limit that nobody sets",
        ),
        pytest.param(
            [nad(BRIDGE), pod([{"name": "net-a", "ips": ["10.2.0.5"]}])],
            [
                "error: shop/net-a: the address 10.2.0.5 is in none of the network's ranges (10.1.0.1-10.1.0.254)",
                "    ask for one of them, or widen a range",
            ],
            id="an address outside",
        ),
        pytest.param(
            [nad({"cniVersion": "1.0.0", "type": "sriov"}, resource="intel.com/sriov"), pod("net-a")],
            [
                "error: no device of the resource 'intel.com/sriov' is left for shop/net-a",
                "    request as many of it in the pod's containers as there are networks that need one",
            ],
            id="a device that is not requested",
        ),
        pytest.param(
            [
                nad({"cniVersion": "1.0.0", "type": "sriov"}, resource="intel.com/sriov"),
                pod(
                    "net-a, net-a",
                    spec={"containers": [{"resources": {"requests": {"intel.com/sriov": 1}}}]},
                ),
            ],
            [
                "error: no device of the resource 'intel.com/sriov' is left for shop/net-a",
                "    request as many of it in the pod's containers as there are networks that need one",
            ],
            id="one device for two networks",
        ),
        pytest.param(
            [nad({"cniVersion": "1.0.0", "type": "sriov"}), pod("net-a")],
            [
                "error: shop/net-a[sriov]: VF pci addr is required",
                "    name a resource of the SR-IOV device plugin in the definition's annotation "
                "k8s.v1.cni.cncf.io/resourceName, or a VF by deviceID",
            ],
            id="a definition without its resource",
        ),
        pytest.param(
            [nad({**BRIDGE, "cniVersion": "2.0.0"}), pod("net-a")],
            ["error: shop/net-a[bridge]: incompatible CNI versions"],
            id="a version that is not served",
        ),
        pytest.param(
            [nad({"cniVersion": "1.0.0", "type": "multus"}), pod("net-a")],
            [
                "error: shop/net-a[multus]: multus is a meta plugin, which calls the plugins of networks and is "
                "none itself",
                "    name the plugin that makes the interface as the configuration's 'type'",
            ],
            id="Multus within",
        ),
        pytest.param(
            [nad("{'type': 'bridge'}"), pod("net-a")],
            [
                "error: shop/net-a.spec.config: error parsing configuration list: expected a key in double "
                "quotes (line 1, column 2)",
                "    {'type': 'bridge'}",
                "     ^",
            ],
            id="quotes that JSON has not",
        ),
        pytest.param(
            [
                nad(BRIDGE),
                pod(
                    [{"name": "net-a", "default-route": ["10.1.0.1"]}, {"name": "net-a", "default-route": []}]
                ),
            ],
            [
                "error: both shop/net-a (net1) and shop/net-a (net2) are to carry the pod's IPv4 default route",
                "    leave 'default-route' at one of them",
            ],
            id="two default routes",
        ),
        pytest.param(
            [nad(BRIDGE), pod("net-a@net2, net-a")],
            [
                "error: shop/net-a would get, by its place in the list, the interface name 'net2', which "
                "shop/net-a has",
                "    give one of them another name (@name, or the key 'interface')",
            ],
            id="one name for two interfaces",
        ),
        pytest.param(
            [nad(BRIDGE), pod("net-a@eth0")],
            [
                "error: shop/net-a asks for the interface name 'eth0', which the pod's first network has",
                "    give one of them another name (@name, or the key 'interface')",
            ],
            id="the first interface's name",
        ),
        pytest.param(
            [nad(BRIDGE, namespace="kube-system"), pod("", default="net-a, net-a")],
            [
                "error: v1.multus-cni.io/default-network: expected one network, found 2",
                "    net-a, net-a",
                "           ^",
            ],
            id="two default networks",
        ),
        pytest.param(
            [nad(BRIDGE), pod("net-a", spec={"hostNetwork": True})],
            [
                "stdin:3: warning: k8s.v1.cni.cncf.io/networks has no effect: hostNetwork is true, and no CNI plugin "
                "is called for such a pod",
                "    remove hostNetwork, or the annotation",
            ],
            id="the node's network",
        ),
    ],
)
def test_a_mistake_is_found_before_the_pod_is(objects: list[dict[str, Any]], expected: list[str]):
    assert refused(*objects) == expected


def test_all_faults_are_told_and_not_only_the_first():
    objects = [nad("{"), nad(BRIDGE, "net-b"), pod("net-a, net-b, net-c@net1")]
    text = explain("-f", "-", stdin=manifest(*objects)).stdout
    assert text.partition("INTERFACE")[2].partition("\n\n")[0].splitlines()[1:] == [
        "eth0       the cluster's own network  found on the node",
        "net1       shop/net-a                 k8s.v1.cni.cncf.io/networks                     fails",
        "net2       shop/net-b                 k8s.v1.cni.cncf.io/networks  bridge+host-local",
        "net1       shop/net-c                 k8s.v1.cni.cncf.io/networks                     fails",
    ]
    assert [line for line in text.splitlines() if line.startswith("error")] == [
        "error: shop/net-c asks for the interface name 'net1', which shop/net-a has",
        "error: shop/net-a.spec.config: error parsing configuration list: expected a key in double quotes, "
        "but the text ends here (line 1, column 2)",
        "error: there is no NetworkAttachmentDefinition shop/net-c",
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
            {"folder": str(folder), "agent": {"cniConfDir": str(cluster)}, "binDir": str(tmp_path / "bin")}
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


def test_whatever_a_manifest_holds_is_answered(tmp_path: Path):
    strange = [
        {**pod(""), "metadata": []},
        {**pod("net-q"), "spec": {"containers": [{"ports": [{"hostPort": 80}], "resources": 5}, 7]}},
        {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replicas": "3", "template": {"spec": 7}}},
        {"kind": "Deployment", "metadata": {"name": "y"}, "spec": 7},
        {**nad({}, "net-q"), "spec": 7},
        nad(
            {
                "cniVersion": "1.0.0",
                "type": "bridge",
                "ipam": {"type": "host-local", "ranges": [[{"subnet": 5}]]},
            }
        ),
        pod("net-a"),
    ]
    done = explain("-f", "-", "--dry-run", stdin=manifest(*strange))
    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        [
            "stdin:3: shop/cart-0: error: shop/net-q.spec: expected an object, got a number",
            "stdin:7: default/y: error: spec.template is not an object: there is no pod in it",
            "stdin:13: shop/cart-0: error: shop/net-a[bridge][host-local].ipam.ranges[0][0].subnet: expected a "
            "string, got the number 5",
            "    The subnet in CIDR notation, at most /30 or /126",
        ],
    )


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
