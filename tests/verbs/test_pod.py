"""What a pod gets, and what is told on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.netns import Netns
from tests.verbs.node import DEFAULT_NETWORK, NETWORKS, Node, host_local

pytestmark = pytest.mark.kernel


def test_network_status_tells_everything_of_every_network(node: Node, pod: Netns) -> None:
    node.cluster |= {"dns": {"nameservers": ["10.80.0.53"], "search": ["cluster.local"]}}
    node.define(
        "fixed",
        type="bridge",
        bridge="br1",
        mtu=1400,
        capabilities={"mac": True, "ips": True},
        ipam={"type": "static", "routes": [{"dst": "10.99.0.0/16", "gw": "10.81.0.1", "priority": 7}]},
    )
    node.define("flat", type="bridge", bridge="br2")
    node.pod(
        "cart",
        [
            {
                "name": "fixed",
                "ips": ["10.81.0.7/24", "fd81::7/64"],
                "mac": "02:00:00:00:00:07",
                "interface": "data",
            },
            {"name": "flat"},
        ],
    )

    node.add(pod)

    macs = {link["ifname"]: link["address"] for link in pod.json("ip", "-j", "link")}
    ports = {
        bridge: [
            link["ifname"] for link in node.host.json("ip", "-j", "link") if link.get("master") == bridge
        ]
        for bridge in ("br0", "br1", "br2")
    }
    assert node.status() == [
        {
            "name": "cluster",
            "interface": "eth0",
            "ips": ["10.80.0.2"],
            "mac": macs["eth0"],
            "default": True,
            "dns": {"nameservers": ["10.80.0.53"], "search": ["cluster.local"]},
            "gateway": ["10.80.0.1"],
            "default-route": ["10.80.0.1"],
            "dev.multinet.addresses": ["10.80.0.2/24"],
            "dev.multinet.routes": [{"dst": "0.0.0.0/0", "gw": "10.80.0.1"}],
            "dev.multinet.host-interfaces": ["br0", *ports["br0"]],
            "dev.multinet.plugins": ["bridge"],
        },
        {
            "name": "default/fixed",
            "interface": "data",
            "ips": ["10.81.0.7", "fd81::7"],
            "mac": "02:00:00:00:00:07",
            "dns": {},
            "dev.multinet.addresses": ["10.81.0.7/24", "fd81::7/64"],
            "dev.multinet.routes": [{"dst": "10.99.0.0/16", "gw": "10.81.0.1", "priority": 7}],
            "dev.multinet.host-interfaces": ["br1", *ports["br1"]],
            "dev.multinet.plugins": ["bridge"],
        },
        {
            "name": "default/flat",
            "interface": "net2",
            "mac": macs["net2"],
            "dns": {},
            "dev.multinet.host-interfaces": ["br2", *ports["br2"]],
            "dev.multinet.plugins": ["bridge"],
        },
    ]


def test_a_pod_that_asks_for_nothing_gets_no_status(node: Node, pod: Netns) -> None:
    node.pod("cart")

    node.add(pod)

    assert not (node.folder / "cluster" / "default.cart.status.json").exists()


def test_a_pod_that_asks_for_nothing_gets_a_status_where_the_settings_say_so(node: Node, pod: Netns) -> None:
    node.pod("cart")
    node.settings["statusForAllPods"] = True

    node.add(pod)

    assert [(one["name"], one["interface"]) for one in node.status()] == [("cluster", "eth0")]


def test_another_default_network_takes_the_first_ones_place(node: Node, pod: Netns) -> None:
    node.define("kube-system/fast", type="bridge", bridge="br5", ipam=host_local("10.85.0.0/24"))
    node.pod("cart", "net-a", **{DEFAULT_NETWORK: "fast"})

    result = node.add(pod)

    assert [ip["address"] for ip in result["ips"]] == ["10.85.0.2/24"]
    assert node.addresses("cluster") == {}
    assert [(one["name"], one["interface"], one.get("default", False)) for one in node.status()] == [
        ("kube-system/fast", "eth0", True),
        ("default/net-a", "net1", False),
    ]
    node.do("CHECK", pod)
    node.do("DEL", pod)
    assert (pod.links(), node.addresses("fast"), node.addresses("net-a")) == ([], {}, {})


def test_isolation_keeps_a_pod_to_its_own_and_the_shared_definitions(node: Node, pod: Netns) -> None:
    node.settings |= {"namespaceIsolation": True, "globalNamespaces": ["shared"]}
    node.define("shop/own", type="bridge", bridge="br1")
    node.define("shared/all", type="bridge", bridge="br2")
    node.define("kube-system/fast", type="bridge", bridge="br3")
    for name, networks, more in (
        ("default", "default/net-a", {}),
        ("system", "", {DEFAULT_NETWORK: "kube-system/fast"}),
        ("json", [{"name": "net-a", "namespace": "default"}], {}),
        ("absent", "default/not-there", {}),
    ):
        node.pod(name, networks, namespace="shop", **more)
        said = node.refusal("ADD", pod, pod=name, namespace="shop")
        assert said["code"] == 7
        assert said["msg"].startswith(f"the pod shop/{name} may not use ")
        assert said["msg"].endswith(": namespaceIsolation is on")
    assert (pod.links(), node.host.links()) == ([], [])

    node.pod("cart", "own,shared/all", namespace="shop")
    node.add(pod, namespace="shop")
    assert sorted(pod.links()) == ["eth0", "net1", "net2"]


def test_a_container_that_is_no_pod_gets_the_cluster_network(node: Node, pod: Netns) -> None:
    node.add(pod, pod="nobody-knows")

    assert pod.links() == ["eth0"]


def test_annotations_that_the_runtime_hands_over_are_the_pods(node: Node, pod: Netns) -> None:
    node.pod("cart", "net-a,net-b")

    node.add(pod, conf=handed_over({NETWORKS: "net-b"}))
    assert [one["name"] for one in node.status()] == ["cluster", "default/net-b"]
    node.do("DEL", pod)

    node.add(pod, pod="not-in-the-folder", conf=handed_over({NETWORKS: "net-a"}))
    assert [one["name"] for one in node.status("not-in-the-folder")] == ["cluster", "default/net-a"]
    node.do("DEL", pod)

    node.add(pod, conf=handed_over(None))
    assert pod.links() == ["eth0"]


def test_where_the_runtime_hands_over_none_the_cluster_is_asked(node: Node, pod: Netns) -> None:
    node.pod("cart", "net-b")

    node.add(pod, conf={"runtimeConfig": {"portMappings": []}})

    assert [one["name"] for one in node.status()] == ["cluster", "default/net-b"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["a"], "runtimeConfig.io.kubernetes.cri.pod-annotations: expected an object, got a list"),
        ({"a": 1}, "runtimeConfig.io.kubernetes.cri.pod-annotations.a: expected a string, got a number"),
    ],
)
def test_annotations_of_another_form_are_refused(node: Node, pod: Netns, told: object, said: str) -> None:
    refusal = node.refusal("ADD", pod, conf=handed_over(told))

    assert (refusal["code"], refusal["msg"]) == (7, said)
    assert (pod.links(), node.records()) == ([], [])


def handed_over(annotations: object) -> dict[str, Any]:
    return {"runtimeConfig": {"io.kubernetes.cri.pod-annotations": annotations}}


def test_an_old_version_is_answered_in_its_own_words(node: Node, pod: Netns) -> None:
    result = node.add(pod, version="0.2.0")

    assert result["cniVersion"] == "0.2.0"
    assert result["ip4"]["ip"] == "10.80.0.2/24"
    assert "interfaces" not in result


def test_a_broken_file_stands_only_in_the_way_of_what_may_be_in_it(node: Node, pod: Netns) -> None:
    (node.folder / "cluster" / "a-broken.yaml").write_text("kind: [")
    (node.folder / "cluster" / ".#net-a.yaml").symlink_to("an editor's lock")
    node.add(pod)
    node.do("DEL", pod)

    said = node.refusal("ADD", pod, pod="unknown")

    assert said["msg"].startswith("$FOLDER/cluster/a-broken.yaml is not YAML: ")
    assert (pod.links(), node.records()) == ([], [])
