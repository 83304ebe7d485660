"""Pod, definitions and settings go in; a Plan, or the first thing that is wrong, comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from multinet.cni.args import Args
from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.errors import BadEnvironment, InvalidConfig, IsolationError, MultinetError, SelectionError
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.plan import Attachment, Plan, Pod
from multinet.resolve import Asked, resolve

NETWORKS = "k8s.v1.cni.cncf.io/networks"
DEFAULT_NETWORK = "v1.multus-cni.io/default-network"


def conf(**keys: Any) -> str:
    return json.dumps({"cniVersion": "1.1.0", "type": "bridge", **keys})


@dataclass
class Files:
    """Configurations of a node, without a disk."""

    folder: Mapping[str, bytes] = field(default_factory=dict)
    found: str = ""
    """The cluster's own network, as the agent found it."""

    def at(self, path: str) -> NetConfList:
        return NetConfList.parse(self.folder[path])

    def primary(self) -> NetConfList:
        return NetConfList.parse(self.found)


@dataclass
class World:
    """Everything a pod's networks are resolved from."""

    definitions: dict[str, NetworkAttachmentDefinition] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    files: Files = field(default_factory=Files)
    devices: dict[str, list[str] | None] = field(default_factory=dict)
    runtime: dict[str, Any] = field(default_factory=dict)
    """The runtimeConfig that the runtime gave."""
    asked: int = 0
    """How often the devices were asked for."""

    def define(self, where: str, config: str = "", resource: str = "") -> World:
        namespace, name = where.split("/")
        self.definitions[where] = NetworkAttachmentDefinition(
            namespace=namespace, name=name, config=config or conf(), resource_name=resource
        )
        return self

    def resolve(self, networks: Any = "", *, args: str = "", namespace: str = "shop", **more: str) -> Plan:
        annotations = dict(more)
        if networks:
            annotations[NETWORKS] = networks if isinstance(networks, str) else json.dumps(networks)
        pod = Pod(namespace=namespace, name="cart-0", uid="u-1", annotations=annotations)
        asked = Asked(
            container_id="c1",
            ifname="eth0",
            netns="/run/netns/x",
            args=Args.parse(args),
            runtime_config=self.runtime,
        )
        settings = Settings.parse(
            {"delegates": [{"name": "cluster", "type": "ptp"}], **self.settings}, primary_is_found=True
        )
        return resolve(
            asked,
            pod,
            settings,
            lambda namespace, name: self.definitions.get(f"{namespace}/{name}"),
            self.files,
            self.allocated,
        )

    def allocated(self) -> Mapping[str, list[str] | None]:
        self.asked += 1
        return self.devices


@pytest.fixture
def world() -> World:
    return (
        World().define("shop/net-a").define("shop/net-b").define("default/shared").define("kube-system/fast")
    )


def test_a_pod_without_annotation_gets_the_cluster_network_alone(world: World) -> None:
    plan = world.resolve()

    assert [(one.network, one.ifname, one.is_default) for one in plan.attachments] == [
        ("cluster", "eth0", True)
    ]
    assert not plan.names_networks


def test_networks_come_in_the_order_of_the_annotation_and_are_counted(world: World) -> None:
    plan = world.resolve("net-b,default/shared@fast0,net-a")

    assert [(one.network, one.ifname) for one in plan.attachments] == [
        ("cluster", "eth0"),
        ("shop/net-b", "net1"),
        ("default/shared", "fast0"),
        ("shop/net-a", "net3"),
    ]
    assert plan.names_networks


def test_one_definition_may_be_attached_twice(world: World) -> None:
    plan = world.resolve("net-a,net-a")

    assert [one.ifname for one in plan.attachments] == ["eth0", "net1", "net2"]


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (
            "net-a,net-b@net1",
            "shop/net-b asks for the interface name 'net1', which shop/net-a has "
            "(give one of them another name (@name, or the key 'interface'))",
        ),
        (
            "net-a@eth0",
            "shop/net-a asks for the interface name 'eth0', which the pod's first network has "
            "(give one of them another name (@name, or the key 'interface'))",
        ),
        (
            "net-a@net2,net-b",
            "shop/net-b would get, by its place in the list, the interface name 'net2', which shop/net-a has "
            "(give one of them another name (@name, or the key 'interface'))",
        ),
        (
            "missing",
            "there is no NetworkAttachmentDefinition shop/missing "
            "(create it, or correct what an annotation of the pod says)",
        ),
    ],
)
def test_what_can_not_be_is_said_before_anything_is_made(world: World, networks: str, message: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        world.resolve(networks)

    assert str(raised.value) == message


def test_a_pod_can_not_hold_up_a_node_by_asking_for_thousands_of_networks(world: World) -> None:
    assert len(world.resolve(",".join(["net-a"] * 128)).attachments) == 129

    with pytest.raises(SelectionError) as raised:
        world.resolve(",".join(["net-a"] * 129))

    assert str(raised.value) == (
        "k8s.v1.cni.cncf.io/networks asks for 129 networks, a pod gets at most 128 "
        "(spread them over several pods)"
    )


def test_isolation_holds_for_every_way_to_name_a_definition(world: World) -> None:
    world.settings = {"namespaceIsolation": True}

    with pytest.raises(IsolationError) as by_annotation:
        world.resolve("kube-system/fast")
    with pytest.raises(IsolationError):
        world.resolve(**{DEFAULT_NETWORK: "kube-system/fast"})
    with pytest.raises(IsolationError):
        world.resolve("kube-system/not-there")

    assert str(by_annotation.value) == (
        "the pod shop/cart-0 may not use kube-system/fast: namespaceIsolation is on "
        "(use a definition of namespace 'shop', or of a shared one (globalNamespaces: default))"
    )
    assert len(world.resolve("default/shared,net-a").attachments) == 3


def test_isolation_does_not_bind_what_the_cluster_chose(world: World) -> None:
    world.settings = {"namespaceIsolation": True, "clusterNetwork": "fast", "delegates": []}

    assert world.resolve().attachments[0].network == "kube-system/fast"


def test_the_default_network_annotation_replaces_the_first_network(world: World) -> None:
    plan = world.resolve("net-a", **{DEFAULT_NETWORK: "fast"})

    assert [(one.network, one.ifname) for one in plan.attachments] == [
        ("kube-system/fast", "eth0"),
        ("shop/net-a", "net1"),
    ]


def test_default_networks_come_before_the_annotation_but_not_for_system_pods(world: World) -> None:
    world.settings = {"clusterNetwork": "fast", "delegates": [], "defaultNetworks": ["extra"]}
    world.define("kube-system/extra")

    assert [one.network for one in world.resolve("net-a").attachments] == [
        "kube-system/fast",
        "kube-system/extra",
        "shop/net-a",
    ]
    assert len(world.resolve(namespace="kube-system").attachments) == 1


def test_what_was_found_on_the_node_is_the_first_network_where_the_settings_name_none(world: World) -> None:
    world.files = Files(found=conf(name="calico"))
    world.settings = {"delegates": [], "defaultNetworks": ["extra"]}
    world.define("kube-system/extra")

    assert [one.network for one in world.resolve("net-a").attachments] == [
        "calico",
        "kube-system/extra",
        "shop/net-a",
    ]
    assert [one.network for one in world.resolve(namespace="kube-system").attachments] == ["calico"]
    world.settings = {"clusterNetwork": "fast", "delegates": []}
    assert world.resolve().attachments[0].network == "kube-system/fast"


def test_the_runtimes_own_wishes_go_untouched_to_the_plugins_of_the_first_network_that_declare_them(
    world: World,
) -> None:
    declared = {"portMappings": True, "dns": True, "vendor.example/x": True, "bandwidth": False}
    world.settings = {"delegates": []}
    plugins = [{"type": "ptp"}, {"type": "portmap", "capabilities": declared}]
    world.files = Files(found=json.dumps({"cniVersion": "1.1.0", "name": "calico", "plugins": plugins}))
    world.define("shop/net-p", conf(capabilities=declared))
    wishes = {"portMappings": [{"hostPort": 80}], "dns": {"servers": ["10.0.0.10"]}, "vendor.example/x": [1]}
    world.runtime = {**wishes, "bandwidth": {"ingressRate": 1}}
    first, second = world.resolve("net-p").attachments

    def told(one: Attachment, index: int) -> Any:
        request = one.conflist.plugin_request(index, capability_args=one.capability_args)
        return request.raw.get("runtimeConfig")

    assert (told(first, 0), told(first, 1), told(second, 0)) == (None, wishes, None)


def test_a_definition_without_configuration_is_looked_up_in_the_folder(world: World) -> None:
    world.definitions["shop/empty"] = NetworkAttachmentDefinition(namespace="shop", name="empty")
    world.files = Files({"10-x.conf": conf(name="empty", bridge="br7").encode()})

    assert world.resolve("empty").attachments[1].conflist.plugins[0]["bridge"] == "br7"


def test_wishes_travel_as_capabilities_and_in_cni_args(world: World) -> None:
    wish = {"name": "net-a", "ips": ["10.1.2.3/24"], "mac": "02:00:00:00:00:01", "cni-args": {"a": 1}}

    attachment = world.resolve([wish], args="K8S_POD_NAME=cart-0;X=y").attachments[1]

    assert attachment.capability_args == {"ips": ["10.1.2.3/24"], "mac": "02:00:00:00:00:01"}
    assert attachment.cni_args == {"a": 1}
    assert attachment.args == (
        "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_INFRA_CONTAINER_ID=c1;"
        "K8S_POD_UID=u-1;X=y;MAC=02:00:00:00:00:01;IP=10.1.2.3/24"
    )


def test_a_wish_that_no_plugin_can_fulfil_is_refused(world: World) -> None:
    wish = {"name": "net-a", "portMappings": [{"hostPort": 80, "containerPort": 8080}]}

    with pytest.raises(InvalidConfig) as raised:
        world.resolve([wish])

    assert str(raised.value) == (
        "shop/net-a: 'portMappings' is asked for, but no plugin of the network takes it "
        '(add "capabilities": {"portMappings": true} to the plugin that is to do it)'
    )


def test_only_one_network_may_carry_a_familys_default_route(world: World) -> None:
    both = [
        {"name": "net-a", "default-route": ["10.0.0.1"]},
        {"name": "net-b", "default-route": ["10.0.1.1"]},
    ]
    split = [
        {"name": "net-a", "default-route": ["10.0.0.1"]},
        {"name": "net-b", "default-route": ["fd00::1"]},
    ]
    empty = [{"name": "net-a", "default-route": []}, {"name": "net-b", "default-route": ["fd00::1"]}]

    with pytest.raises(SelectionError) as raised:
        world.resolve(both)
    with pytest.raises(SelectionError):
        world.resolve(empty)

    assert str(raised.value) == (
        "both shop/net-a (net1) and shop/net-b (net2) are to carry the pod's IPv4 default route "
        "(leave 'default-route' at one of them)"
    )
    assert world.resolve(split).attachments[2].default_route == (ip_address("fd00::1"),)


def test_a_device_goes_to_one_attachment_and_none_left_is_an_error(world: World) -> None:
    world.define("shop/sriov", resource="intel.com/vf")
    world.devices = {"intel.com/vf": ["0000:03:02.0", "0000:03:02.1"]}

    plan = world.resolve("sriov,sriov")

    assert [one.device_id for one in plan.attachments] == ["", "0000:03:02.0", "0000:03:02.1"]
    assert plan.attachments[1].extra() == {"deviceID": "0000:03:02.0", "pciBusID": "0000:03:02.0"}
    with pytest.raises(MultinetError) as raised:
        world.resolve("sriov,sriov,sriov")
    assert str(raised.value) == (
        "no device of the resource 'intel.com/vf' is left for shop/sriov "
        "(request as many of it in the pod's containers as there are networks that need one)"
    )
    with pytest.raises(InvalidConfig):
        world.resolve([{"name": "net-a", "deviceID": "d"}, {"name": "net-b", "deviceID": "d"}])


def test_devices_are_asked_for_once_and_only_where_a_definition_names_a_resource(world: World) -> None:
    world.define("shop/sriov", resource="intel.com/vf")
    world.devices = {"intel.com/vf": ["0000:03:02.0", "0000:03:02.1"]}

    world.resolve("net-a,net-b")
    world.resolve([{"name": "net-a", "deviceID": "0000:03:02.7"}])
    assert world.asked == 0

    world.resolve("sriov,sriov")
    assert world.asked == 1


def test_a_pod_chooses_among_the_devices_that_were_allocated_to_it_and_no_others(world: World) -> None:
    world.define("shop/sriov", resource="intel.com/vf")
    world.devices = {"intel.com/vf": ["0000:03:02.0", "0000:03:02.1"]}

    plan = world.resolve([{"name": "sriov", "deviceID": "0000:03:02.1"}, {"name": "sriov"}])
    assert [one.device_id for one in plan.attachments[1:]] == ["0000:03:02.1", "0000:03:02.0"]

    with pytest.raises(InvalidConfig) as refused:
        world.resolve([{"name": "sriov", "deviceID": "0000:03:00.0"}])
    assert str(refused.value) == (
        "the device '0000:03:00.0' is asked for by shop/sriov, and was not allocated to the pod "
        "(leave 'deviceID' out: one of those of the resource 'intel.com/vf' is chosen)"
    )


def test_equal_ids_of_two_resources_are_two_devices_unless_they_are_pci_addresses(world: World) -> None:
    world.define("shop/rdma", resource="rdma/a").define("shop/dpdk", resource="vendor.com/b")
    world.devices = {"rdma/a": ["0"], "vendor.com/b": ["0"]}

    plan = world.resolve("rdma,dpdk")

    assert [(one.device_id, one.resource) for one in plan.attachments] == [
        ("", ""),
        ("0", "rdma/a"),
        ("0", "vendor.com/b"),
    ]
    world.devices = {"rdma/a": ["0000:03:02.0"], "vendor.com/b": ["0000:03:02.0"]}
    with pytest.raises(InvalidConfig) as raised:
        world.resolve("rdma,dpdk")
    assert raised.value.message == "no device of the resource 'vendor.com/b' is left for shop/dpdk"


def test_a_resource_that_is_only_counted_brings_no_device(world: World) -> None:
    world.define("shop/marked", resource="bridge.network.kubevirt.io/br1")
    world.devices = {"bridge.network.kubevirt.io/br1": None}

    plan = world.resolve("marked,marked")

    assert [one.device_id for one in plan.attachments] == ["", "", ""]
    assert [one.extra() for one in plan.attachments] == [{}, {}, {}]


def test_a_counted_name_that_no_interface_can_have_is_refused(world: World) -> None:
    with pytest.raises((BadEnvironment, SelectionError)):
        world.resolve([{"name": "net-a", "interface": "a/b"}])
