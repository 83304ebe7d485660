"""What people get wrong in annotations and definitions, each with the whole of what `explain` says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.explain import explain, refused
from tests.support.manifests import BRIDGE, manifest, nad, pod

pytestmark = pytest.mark.usefixtures("nowhere")


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
            [
                "error: shop/net-a[bridge]: incompatible CNI versions",
                "    write a cniVersion that the plugin serves: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0",
            ],
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


def test_what_the_settings_do_not_allow_stands_against_the_pod(tmp_path: Path):
    config = tmp_path / "config.yaml"
    config.write_text(f"folder: {tmp_path}\nallowedDelegatesByNamespace: {{shop: [macvlan]}}\n")
    bridge = nad({"cniVersion": "1.0.0", "type": "bridge"})
    assert refused(bridge, pod("net-a"), options=("--config", config))[-2:] == [
        "error: shop/net-a[bridge].type: 'bridge' is none of the plugins that definitions of the namespace 'shop' "
        "may run",
        "    the setting 'allowedDelegatesByNamespace' of the node allows: macvlan",
    ]
