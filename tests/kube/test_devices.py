"""A pod's devices, from a real gRPC server for the kubelet and a real API server for the claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from multinet.deadline import Deadline
from multinet.errors import InvalidConfig, IOFailure, MultinetError, TryAgain
from multinet.kube.client import Access, Api
from multinet.kube.devices import DeviceSource
from multinet.kube.errors import ApiNotFound
from multinet.plan import Pod
from tests.support import dra, kubeobjects
from tests.support.controlplane import AGENT, MERGE_PATCH, NODE, ControlPlane
from tests.support.kubelet import Kubelet

pytestmark = pytest.mark.cluster

VF = "intel.com/vf"

_numbers = count(1)


@dataclass
class World:
    """A pod ``cart`` with what a test gives it, and who is asked about it."""

    plane: ControlPlane
    namespace: str
    api: Api
    kubelet: Kubelet
    folder: Path
    pod: Pod = field(init=False)
    pool: str = field(default_factory=lambda: f"pool-{next(_numbers)}")
    """Slices are the cluster's: each test has a pool of its own."""

    def cart(self, *, limits: Sequence[str] = (), **spec: Any) -> None:
        """Make the pod, which the kubelet knows from now on."""
        container = {"name": "main", "image": "none", "resources": {"limits": dict.fromkeys(limits, "1")}}
        made = kubeobjects.pod(self.plane, self.namespace, "cart", containers=[container], spec=spec)
        self.pod = Pod(namespace=self.namespace, name="cart", uid=made["metadata"]["uid"])

    def with_claims(self, *names: str) -> None:
        self.cart(resourceClaims=[{"name": name, "resourceClaimName": name} for name in names])

    def slice(self, *devices: dict[str, Any], **more: Any) -> None:
        dra.resource_slice(self.plane, self.pool, *devices, **more)

    def claim(self, name: str, *given: tuple[str, str]) -> None:
        """A ResourceClaim with a request and a device of the pool for each of ``given``."""
        requests = [request for request, _ in given]
        allocate = [(request, self.pool, device) for request, device in given]
        dra.claim(self.plane, self.namespace, name, *(requests or ["r"]), allocate=allocate)

    def status(self, **status: Any) -> None:
        dra.pod_status(self.plane, self.namespace, "cart", **status)

    def devices(self, resource: str, default: Sequence[str] | None = ()) -> Sequence[str] | None:
        source = DeviceSource(
            self.api,
            node_name=NODE,
            socket=self.kubelet.path,
            checkpoint=self.folder / "checkpoint",
        )
        return source.allocated(self.pod, Deadline(20)).get(resource, default)

    def refusal(self, resource: str = VF) -> MultinetError:
        with pytest.raises(MultinetError) as raised:
            self.devices(resource)
        return raised.value

    def asked(self) -> dict[tuple[str, str], int]:
        return dict(self.api.requests)


@pytest.fixture
def world(control_plane: ControlPlane, kube_namespace: str, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        access = Access(
            server=control_plane.server, ca=control_plane.ca_file, token=control_plane.token_file(AGENT)
        )
        api = Api(access)
        stack.callback(api.close)
        kubelet = stack.enter_context(Kubelet(tmp_path / "kubelet.sock"))
        kubelet.give(f"{kube_namespace}/cart", {"main": {}})
        yield World(control_plane, kube_namespace, api, kubelet, tmp_path)


def test_a_device_plugins_devices_cost_no_call_to_the_api(world: World) -> None:
    world.cart()
    world.kubelet.pods.clear()
    world.kubelet.give(f"{world.namespace}/cart", {"main": {VF: ["d2", "d1"]}})

    assert world.devices(VF) == ["d1", "d2"]
    assert world.asked() == {}
    assert world.kubelet.asked == ["Get"]


def test_a_claims_devices_are_found_in_the_slices_of_the_node(world: World) -> None:
    world.slice(dra.device("vf-0", "0000:03:02.0", VF), dra.device("vf-1", "0000:03:02.1", VF))
    world.slice(dra.device("vf-0", "0000:99:00.0", VF), node="node-2")
    world.slice(dra.device("vf-1", "0000:88:00.0", VF), driver="other.example.com")
    world.claim("nics", ("a", "vf-1"), ("b", "vf-0"))
    world.with_claims("nics")

    assert world.devices(VF) == ["0000:03:02.1", "0000:03:02.0"]
    assert world.asked() == {
        ("get", "pods"): 1,
        ("get", "resourceclaims"): 1,
        ("list", "resourceslices"): 1,
    }


def test_claims_come_in_the_pods_order_and_a_template_s_by_the_pods_status(world: World) -> None:
    world.slice(*(dra.device(f"vf-{n}", f"0000:03:02.{n}", VF) for n in range(3)))
    world.claim("cart-nic-x7k2p", ("a", "vf-2"))
    world.claim("fixed", ("a", "vf-1"))
    template = {"name": "nic", "resourceClaimTemplateName": "t"}
    unneeded = {"name": "unneeded", "resourceClaimTemplateName": "t"}
    world.cart(resourceClaims=[template, unneeded, {"name": "fixed", "resourceClaimName": "fixed"}])
    error = world.refusal()
    assert isinstance(error, TryAgain)
    assert error.message == f"no ResourceClaim has been made yet for 'nic' of the pod {world.pod}"

    world.status(
        resourceClaimStatuses=[{"name": "nic", "resourceClaimName": "cart-nic-x7k2p"}, {"name": "unneeded"}]
    )

    assert world.devices(VF) == ["0000:03:02.2", "0000:03:02.1"]


def test_a_device_that_several_nodes_reach_is_found_too(world: World) -> None:
    world.slice(dra.device("vf-0", "0000:03:02.0", VF), node="")
    world.claim("nics", ("a", "vf-0"))
    world.with_claims("nics")

    assert world.devices(VF) == ["0000:03:02.0"]
    assert world.asked()["list", "resourceslices"] == 2


def test_many_slices_come_page_by_page_and_the_highest_generation_counts(world: World) -> None:
    for number in range(12):
        world.slice(dra.device("vf-0", f"0000:03:00.{number % 7}", VF), generation=number + 1)
    world.claim("nics", ("a", "vf-0"))
    world.with_claims("nics")

    assert world.devices(VF) == ["0000:03:00.4"]
    assert world.asked()["list", "resourceslices"] == 2


def extended(world: World, *mapped: tuple[str, str]) -> None:
    """What the scheduler writes for containers that ask for extended resources which DRA serves."""
    mappings = [
        {"containerName": "main", "resourceName": resource, "requestName": request}
        for request, resource in mapped
    ]
    world.status(
        extendedResourceClaimStatus={"resourceClaimName": "cart-extended", "requestMappings": mappings}
    )


def test_an_extended_resource_that_dra_serves_is_told_by_its_mapping(world: World) -> None:
    world.slice(dra.device("vf-0", "0000:03:02.0", VF), dra.device("vf-1", "0000:03:02.1"))
    world.claim("cart-extended", ("container-0-request-0", "vf-0"), ("container-0-request-1", "vf-1"))
    world.cart(limits=[VF, "intel.com/plain"])
    extended(world, ("container-0-request-0", VF), ("container-0-request-1", "intel.com/plain"))

    assert world.devices(VF) == ["0000:03:02.0"]
    assert world.devices("intel.com/plain") == ["0000:03:02.1"]


def test_an_extended_resource_whose_device_says_another_is_refused(world: World) -> None:
    world.slice(dra.device("vf-0", "0000:03:02.0", "intel.com/other"))
    world.claim("cart-extended", ("container-0-request-0", "vf-0"))
    world.cart(limits=[VF])
    extended(world, ("container-0-request-0", VF))

    assert str(world.refusal()) == (
        "the attribute k8s.cni.cncf.io/resourceName says 'intel.com/other', but 'intel.com/vf' was asked for: "
        f"device 'vf-0' in the pool '{world.pool}' of the driver sriov.example.com, which the claim "
        f"{world.namespace}/cart-extended has for its request 'container-0-request-0' "
        "(correct the DeviceClass of intel.com/vf or the DRA driver sriov.example.com)"
    )


def test_a_device_without_an_id_is_an_error_for_its_resource_alone(world: World) -> None:
    world.slice(dra.device("vf-0", "", VF), dra.device("vf-1", "0000:03:02.1", "intel.com/other"))
    world.claim("nics", ("a", "vf-0"), ("b", "vf-1"))
    world.with_claims("nics")

    assert str(world.refusal()) == (
        f"the attribute k8s.cni.cncf.io/deviceID is missing: device 'vf-0' in the pool '{world.pool}' of the "
        f"driver sriov.example.com, which the claim {world.namespace}/nics has for its request 'a' "
        "(the DRA driver sriov.example.com must tell it, for example the PCI address)"
    )
    assert world.devices("intel.com/other") == ["0000:03:02.1"]


def test_what_else_was_claimed_is_told_when_no_device_of_the_resource_is_found(world: World) -> None:
    world.slice(dra.device("gpu-0", "0000:44:00.0"))
    world.claim("mixed", ("gpu", "gpu-0"), ("nic", "vf-9"))
    world.with_claims("mixed")

    error = world.refusal()

    assert isinstance(error, InvalidConfig)
    assert str(error) == (
        "no device of the resource 'intel.com/vf' is known to the kubelet, and of the pod's claims: "
        f"no attribute k8s.cni.cncf.io/resourceName has the device 'gpu-0' in the pool '{world.pool}' of the "
        f"driver sriov.example.com, which the claim {world.namespace}/mixed has for its request 'gpu'; "
        f"no ResourceSlice has the device 'vf-9' in the pool '{world.pool}' of the driver sriov.example.com, "
        f"which the claim {world.namespace}/mixed has for its request 'nic' "
        "(if one of them is meant, its DRA driver must tell the resource)"
    )
    world.kubelet.registered = [VF]
    assert world.devices(VF, ()) == ()


def test_an_extended_resource_in_no_slice_names_the_driver(world: World) -> None:
    world.claim("cart-extended", ("container-0-request-0", "vf-0"))
    world.cart(limits=[VF])
    extended(world, ("container-0-request-0", VF))

    assert str(world.refusal()) == (
        f"no ResourceSlice has the device 'vf-0' in the pool '{world.pool}' of the driver sriov.example.com, "
        f"which the claim {world.namespace}/cart-extended has for its request 'container-0-request-0' "
        "(see whether the DRA driver sriov.example.com runs on this node)"
    )


def test_a_claim_without_an_allocation_is_tried_again(world: World) -> None:
    world.claim("nics")
    world.with_claims("nics")

    error = world.refusal()

    assert isinstance(error, TryAgain)
    assert str(error) == (
        f"nothing is allocated to the ResourceClaim {world.namespace}/nics of the pod {world.pod} "
        "(look at the claim's events; the runtime will try again)"
    )


def test_a_claim_that_is_not_there_is_named(world: World) -> None:
    world.with_claims("nics")

    error = world.refusal()

    assert isinstance(error, ApiNotFound)
    assert error.message == (
        f"the API server refused to get resourceclaims {world.namespace}/nics: "
        'resourceclaims.resource.k8s.io "nics" not found (404)'
    )


def test_another_pod_of_the_same_name_is_not_asked_about(world: World) -> None:
    world.cart()
    world.pod = Pod(namespace=world.namespace, name="cart", uid="u-old")

    error = world.refusal()

    assert isinstance(error, TryAgain)
    assert error.message.endswith("at the API server, not u-old")


def test_a_pod_that_is_gone_is_tried_again(world: World) -> None:
    world.cart()
    kubeobjects.delete_pod(world.plane, world.namespace, "cart")

    error = world.refusal()

    assert isinstance(error, TryAgain)
    assert str(error) == (
        f"the API server does not know the pod {world.namespace}/cart, whose ResourceClaims are wanted "
        "(it was deleted, or is not visible yet; the runtime will try again if it still wants it)"
    )


def test_a_static_pod_has_no_claims(world: World) -> None:
    made = kubeobjects.pod(
        world.plane, world.namespace, "cart", {"kubernetes.io/config.mirror": "hash"}, spec={}
    )
    world.pod = Pod(namespace=world.namespace, name="cart", uid="hash")

    assert made["metadata"]["uid"] != world.pod.uid
    assert world.devices(VF, ()) == ()


def test_a_device_to_look_at_only_is_nobodys(world: World) -> None:
    labels = {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
    world.plane.ask("PATCH", f"/api/v1/namespaces/{world.namespace}", labels, content_type=MERGE_PATCH)
    world.slice(dra.device("vf-0", "0000:03:02.0", VF))
    path = f"{dra.RESOURCE}/namespaces/{world.namespace}/resourceclaims"
    exactly = {"deviceClassName": "nic.example.com", "adminAccess": True}
    body = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "look"},
        "spec": {"devices": {"requests": [{"name": "a", "exactly": exactly}]}},
    }
    world.plane.ask("POST", path, body)
    result = {"request": "a", "driver": dra.DRIVER, "pool": world.pool, "device": "vf-0", "adminAccess": True}
    status = {"status": {"allocation": {"devices": {"results": [result]}}}}
    world.plane.ask("PATCH", f"{path}/look/status", status, content_type=MERGE_PATCH)
    world.with_claims("look")

    assert world.devices(VF, ()) == ()


def test_a_resource_without_devices_that_the_pod_asks_for_is_only_counted(world: World) -> None:
    """bridge-marker and ovs-cni have the scheduler count the pods of a bridge so."""
    counted = "bridge.network.kubevirt.io/br1"
    world.cart(limits=[counted])

    assert world.devices(counted, ()) is None
    assert world.kubelet.asked == ["Get", "GetAllocatableResources"]

    world.kubelet.registered = [counted]
    assert world.devices(counted, ()) == ()


def test_a_resource_that_the_pod_does_not_ask_for_is_none_left(world: World) -> None:
    world.cart()

    assert world.devices(VF, ()) == ()


def test_without_the_socket_the_checkpoint_is_read(world: World) -> None:
    world.cart()
    told = (
        '{"PodUID": "%s", "ContainerName": "main", "ResourceName": "intel.com/vf", "DeviceIDs": {"0": ["d"]}}'
    )
    (world.folder / "checkpoint").write_text(
        '{"Data": {"PodDeviceEntries": [%s], "RegisteredDevices": {}}}' % (told % world.pod.uid)
    )
    world.kubelet.path = world.folder / "absent.sock"

    assert world.devices(VF) == ["d"]


def test_without_socket_and_checkpoint_it_says_so(world: World) -> None:
    world.cart()
    world.kubelet.path = world.folder / "absent.sock"

    error = world.refusal()

    assert isinstance(error, IOFailure)
    assert str(error) == (
        f"the devices of pods can't be told: neither {world.folder}/absent.sock nor {world.folder}/checkpoint "
        "is there (the kubelet serves the one and writes the other: let the agent see that folder)"
    )


def test_all_that_was_allocated_can_be_listed(world: World) -> None:
    world.slice(dra.device("vf-0", "0000:03:02.0", "intel.com/other"))
    world.claim("nics", ("a", "vf-0"))
    world.with_claims("nics")
    world.kubelet.pods.clear()
    world.kubelet.give(f"{world.namespace}/cart", {"main": {VF: ["d1"]}})
    source = DeviceSource(
        world.api, node_name=NODE, socket=world.kubelet.path, checkpoint=world.folder / "checkpoint"
    )

    found = source.allocated(world.pod, Deadline(20))

    assert dict(found) == {VF: ["d1"], "intel.com/other": ["0000:03:02.0"]}
    assert len(found) == 2
    assert world.kubelet.asked == ["Get"]
    assert world.asked()["get", "pods"] == 1
