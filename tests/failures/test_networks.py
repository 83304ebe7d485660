"""A pod whose networks can't be made: runtime, event, ``explain`` and ``lint`` say the same cause and remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.daemon.conftest import MakeSandbox
from tests.failures.told import Ear
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.kubelet import Kubelet
from tests.support.netns import Netns
from tests.support.node import AgentNode

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

LAN: Final = {"cniVersion": "1.0.0", "type": "bridge", "bridge": "br1"}
RANGE: Final = "10.1.0.0/24"
RESOURCE: Final = "example.com/vf"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """``mend`` stands in the runtime's details, in brackets in the event, and below the sentence elsewhere."""

    networks: object
    """The pod's annotation."""
    says: str
    mend: str
    code: int = 7
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resource: str = ""
    """Of all of them."""
    devices: Sequence[str] = ()
    """Of that resource, which the pod's container was given."""
    also: str = ""
    """What the runtime is told besides."""
    explain: Sequence[str] | None = None
    """None: the sentence and the remedy."""
    lint: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """definition -> what is said of it; of the others, nothing."""


FAILURES: Final[Mapping[str, Failure]] = {
    "09 two networks carry the default route": Failure(
        definitions={"a": LAN, "b": LAN},
        networks=[{"name": "a", "default-route": ["10.1.0.1"]}, {"name": "b", "default-route": ["10.1.0.9"]}],
        says="both shop/a (net1) and shop/b (net2) are to carry the pod's IPv4 default route",
        mend="leave 'default-route' at one of them",
    ),
    "09 a gateway that is on another network": Failure(
        definitions={"a": LAN},
        networks=[{"name": "a", "default-route": ["10.99.0.1"]}],
        code=999,
        says="shop/a.default-route[0]: could not add route to 0.0.0.0/0 via 10.99.0.1 dev net1: Network is "
        "unreachable (Nexthop has invalid gateway)",
        mend="name a gateway that is in a subnet of net1's own addresses, or leave the list empty for the network's "
        "own",
        explain=[],
    ),
    "11 a device that no container requests": Failure(
        definitions={"a": {"cniVersion": "1.0.0", "type": "host-device"}},
        resource=RESOURCE,
        networks="a",
        says=f"no device of the resource '{RESOURCE}' is left for shop/a",
        mend="request as many of it in the pod's containers as there are networks that need one",
    ),
    "11 one device for two networks": Failure(
        definitions={
            "a": {"cniVersion": "1.0.0", "type": "host-device"},
            "b": {"cniVersion": "1.0.0", "type": "host-device"},
        },
        resource=RESOURCE,
        devices=["0000:3b:02.1"],
        networks="a, b",
        says=f"no device of the resource '{RESOURCE}' is left for shop/b",
        mend="request as many of it in the pod's containers as there are networks that need one",
    ),
    "12 a version that the plugin does not serve": Failure(
        definitions={"a": {"cniVersion": "1.1.0", "type": "old"}},
        networks="a",
        code=1,
        says="shop/a[old]: incompatible CNI versions",
        mend="write a cniVersion that the plugin serves",
        also='plugin supports ["0.3.0" "0.3.1"]',
        explain=[],
    ),
    "13 a definition with Multus in it": Failure(
        definitions={"a": {"cniVersion": "1.0.0", "type": "multus"}},
        networks="a",
        says="shop/a[multus]: multus is a meta plugin, which calls the plugins of networks and is none itself",
        mend="name the plugin that makes the interface as the configuration's 'type'",
        lint={
            "a": [
                "FILE:7: error: shop/a: multus is a meta plugin, which calls the plugins of networks and is none "
                "itself [meta-plugin]",
                "    name the plugin that makes the interface as the configuration's 'type'",
                "1 error",
            ]
        },
    ),
    "15 a plugin whose program is not on the node": Failure(
        definitions={"a": {"cniVersion": "1.0.0", "type": "ovs"}},
        networks="a",
        says='shop/a[ovs]: failed to find plugin "ovs" in path [BIN]',
        mend="install the executable on this node, or correct the configuration's 'type'",
        lint={
            "a": [
                'FILE:7: error: shop/a: failed to find plugin "ovs" in path [BIN] [plugin]',
                "    install the executable on this node, or correct the configuration's 'type'",
                "1 error",
            ]
        },
    ),
    "18 a program by its path": Failure(
        definitions={"a": {"cniVersion": "1.0.0", "type": "../../../bin/sh"}},
        networks="a",
        says="shop/a[../../../bin/sh]: invalid plugin name: ../../../bin/sh",
        mend="a type is a plain name, not a path",
        lint={
            "a": [
                "FILE:7: error: shop/a: invalid plugin name: ../../../bin/sh [plugin]",
                "    a type is a plain name, not a path",
                "1 error",
            ]
        },
    ),
    "19 a definition of another namespace": Failure(
        networks="kube-system/theirs",
        says="the pod shop/POD may not use kube-system/theirs: namespaceIsolation is on",
        mend="use a definition of namespace 'shop', or of a shared one (globalNamespaces: default)",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_pod_whose_network_fails_is_told_why_and_what_to_do(
    name: str,
    node: AgentNode,
    ear: Ear,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    kubelet: Kubelet,
    tmp_path: Path,
) -> None:
    failure = FAILURES[name]
    for definition, conf in failure.definitions.items():
        ipam = {"ipam": node.host_local(RANGE)} if conf["type"] == "bridge" else {}
        kubeobjects.nad(
            control_plane, kube_namespace, definition, {**conf, **ipam}, resource_name=failure.resource
        )
    networks = failure.networks if isinstance(failure.networks, str) else json.dumps(failure.networks)
    one = sandbox(networks)
    kubelet.give(f"{kube_namespace}/{one.pod['metadata']['name']}", {"main": {RESOURCE: failure.devices}})
    ear.words[one.pod["metadata"]["name"]] = "POD"

    assert ear.runtime(node.call("ADD", one)) == {
        "code": failure.code,
        "msg": failure.says,
        "details": "\n".join(filter(None, [failure.also, failure.mend, "request ID"])),
    }
    assert ear.events(one) == [f"Warning FailedNetworks: {failure.says} ({failure.mend}) [ID]"]
    told = [f"error: {failure.says}", f"    {failure.mend}"] if failure.explain is None else failure.explain
    assert ear.explain(one) == told
    for definition in failure.definitions:
        assert ear.lint(tmp_path, definition) == failure.lint.get(definition, ["nothing found"])
    assert (node.records(), node.addresses()) == ([], [])


def test_09_a_default_route_is_what_was_asked_for_family_by_family(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
) -> None:
    """IPv4 moves to the further network by its own gateway, IPv6 stays away from it, and nothing else goes."""
    ipam = {"type": "host-local", "dataDir": str(node.ipam), "ranges": [[{"subnet": "10.5.0.0/24"}]]}
    lan = {"cniVersion": "1.0.0", "type": "bridge", "bridge": "br5", "isGateway": True, "ipam": ipam}
    kubeobjects.nad(control_plane, kube_namespace, "lan", lan)
    one = sandbox(json.dumps([{"name": "lan", "default-route": []}]))

    node.call("ADD", one).ok()
    routes = Netns(name=Path(one.netns).name).json("ip", "-j", "route")
    assert [(route["dst"], route.get("gateway"), route["dev"]) for route in routes] == [
        ("default", "10.5.0.1", "net1"),
        ("10.5.0.0/24", None, "net1"),
        ("10.244.0.0/16", None, "eth0"),
    ]
    node.call("DEL", one).ok()


def test_10_a_plugin_that_says_nothing_readable_is_named_and_nothing_secret_is_told(
    node: AgentNode, ear: Ear, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
) -> None:
    conf = {"cniVersion": "1.0.0", "type": "garbled", "password": "correct horse battery staple"}
    kubeobjects.nad(control_plane, kube_namespace, "a", conf)
    one = sandbox("a")
    said = node.call("ADD", one)

    says = "shop/a[garbled]: garbled failed (exit status 2)"
    mend = "what it printed stands in the agent's log; look at garbled's own log, too"
    assert ear.runtime(said) == {
        "code": 999,
        "msg": says,
        "details": f"panic: runtime error\n{mend}\nrequest ID",
    }
    assert ear.events(one) == [f"Warning FailedNetworks: {says} ({mend}) [ID]"]
    everything = said.stdout.decode() + "".join(ear.events(one)) + node.log
    assert "battery" not in everything


def test_12_a_plugin_of_an_old_version_is_spoken_to_in_its_own(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
) -> None:
    kubeobjects.nad(control_plane, kube_namespace, "a", {"cniVersion": "0.3.1", "type": "old"})
    one = sandbox("a")

    assert node.call("ADD", one).ok()["cniVersion"] == "1.1.0"
    metadata = kubeobjects.get_pod(control_plane, kube_namespace, one.pod["metadata"]["name"])["metadata"]
    status = json.loads(metadata["annotations"]["k8s.v1.cni.cncf.io/network-status"])
    assert [entry["ips"] for entry in status[1:]] == [["10.31.0.2"]]
    node.call("DEL", one).ok()


def test_13_an_interface_that_is_there_already_is_named_and_left_alone(
    node: AgentNode, ear: Ear, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
) -> None:
    kubeobjects.nad(control_plane, kube_namespace, "a", {**LAN, "ipam": node.host_local(RANGE)})
    one = sandbox("a")
    inside = Netns(name=Path(one.netns).name)
    inside.ip("link", "add", "net1", "type", "veth", "peer", "name", "other")

    says = "shop/a: the container has an interface 'net1' already"
    mend = "somebody else made it: give this network another name, or remove that interface"
    assert ear.runtime(node.call("ADD", one)) == {"code": 999, "msg": says, "details": f"{mend}\nrequest ID"}
    assert ear.events(one) == [f"Warning FailedNetworks: {says} ({mend}) [ID]"]
    assert sorted(inside.links()) == ["net1", "other"]
