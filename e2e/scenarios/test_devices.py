"""The devices that a pod is given, by the kubelet from a device plugin's or by the scheduler for a claim, are its
networks'."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Any, Final

import pytest

from e2e.cluster.driver import Driver
from e2e.cluster.plugins import DEVICE_PLUGINS, REGISTRY, device_plugin, dra_plugin
from e2e.cluster.pods import Space, entry
from e2e.scenarios.networks import host_local
from tests.support.places import path_of
from tests.support.wait import until

RED, BLUE, GREEN = "e2e.multinet.dev/red", "e2e.multinet.dev/blue", "e2e.multinet.dev/green"
DEVICES: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    RED: {
        address: {"type": "pci", "version": "1.1.0", "pci": {"pci-address": address}}
        for address in ("0000:77:02.1", "0000:77:02.2", "0000:77:02.3")
    },
    BLUE: {
        name: {
            "type": "vhost-user",
            "version": "1.1.0",
            "vhost-user": {"mode": "client", "path": f"/run/{name}"},
        }
        for name in ("blue0", "blue1")
    },
    GREEN: {
        address: {"type": "pci", "version": "1.1.0", "pci": {"pci-address": address}}
        for address in ("0000:78:02.1", "0000:78:02.2")
    },
}
"""resource -> device -> what its plugin knows of it (device-info-spec 1.1.0). None of them is on any machine."""
VARIABLES: Final = {RED: "RED", BLUE: "BLUE"}
"""In which containers are told their devices, of the resources that are given by number. The others are claimed."""
CLASS: Final = "green.multinet.dev"
"""Of the devices that are claimed, and their driver."""
DRA: Final = {"apiVersion": "resource.k8s.io/v1"}

INFO: Final = PurePosixPath("/var/run/k8s.cni.cncf.io/devinfo")
TOLD: Final = "/run/e2e-told"
TELLER: Final = "/opt/cni/bin/e2e-teller"
LINK: Final = "e2e-devices"
SCRIPT: Final = f"""\
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
pod=${{CNI_ARGS##*K8S_POD_NAME=}}
if [ "$CNI_COMMAND" = ADD ]; then tee "{TOLD}/${{pod%%;*}}.$CNI_IFNAME"; else cat; fi | "${{0%/*}}/bridge"
"""
"""A plugin of the node's own: it is `bridge`, and keeps the configuration that it was given."""

OFFERED_SECONDS = 60.0
"""The kubelet tells of its node every 10 s."""
SECONDS = 30.0


@pytest.fixture
def node(driver: Driver, space: Space) -> Iterator[str]:
    """It has the node's plugin, and what is known of the devices; each resource has a definition that asks for it."""
    name = driver.nodes[0]
    if driver.folder(name, DEVICE_PLUGINS) is None:
        pytest.skip("the kubelet's sockets are out of reach")
    files = {
        str(INFO / "dp" / f"{resource}-{device}-device.json".replace("/", "-")): info
        for resource, devices in DEVICES.items()
        for device, info in devices.items()
    }
    with ExitStack() as stack:
        stack.callback(driver.shell, name, "sh", "-c", f"ip link delete {LINK}; true")
        stack.callback(driver.shell, name, "rm", "-rf", TOLD, TELLER, *files)
        driver.shell(name, "mkdir", "-p", TOLD, str(INFO / "dp"))
        driver.shell(name, "tee", TELLER, input=SCRIPT)
        driver.shell(name, "chmod", "755", TELLER)
        for file, info in files.items():
            driver.shell(name, "tee", file, input=json.dumps(info))
        for number, resource in enumerate(DEVICES, 21):
            config = {
                "type": PurePosixPath(TELLER).name,
                "bridge": LINK,
                "ipam": host_local(f"10.9.{number}.0/24"),
                "capabilities": {"deviceID": True, "CNIDeviceInfoFile": True},
            }
            space.define(resource.rpartition("/")[2], config, resource=resource)
        yield name


@pytest.fixture
def plugins(driver: Driver, space: Space, node: str) -> Iterator[None]:
    """The node offers the devices that are given by number."""
    folder = driver.folder(node, DEVICE_PLUGINS)
    assert folder is not None
    with ExitStack() as stack:
        for resource, variable in VARIABLES.items():
            devices = [*DEVICES[resource]]
            stack.enter_context(
                device_plugin(folder=folder, resource=resource, devices=devices, variable=variable)
            )
        wanted = {resource: str(len(DEVICES[resource])) for resource in VARIABLES}
        until(
            lambda: offered(driver, node) == wanted, seconds=OFFERED_SECONDS, what="the devices to be offered"
        )
        yield
        space.delete(*(pod["metadata"]["name"] for pod in space.pods()))


@pytest.fixture
def claims(driver: Driver, space: Space, node: str) -> Iterator[list[str]]:
    """The node offers the devices that are claimed. Those claims that are prepared there."""
    folder = driver.folder(node, REGISTRY)
    assert folder is not None
    devices = [
        {
            "name": f"green{number}",
            "attributes": {
                "k8s.cni.cncf.io/deviceID": {"string": device},
                "k8s.cni.cncf.io/resourceName": {"string": GREEN},
            },
        }
        for number, device in enumerate(DEVICES[GREEN])
    ]
    objects: list[dict[str, Any]] = [
        {
            **DRA,
            "kind": "ResourceSlice",
            "metadata": {"name": "e2e"},
            "spec": {
                "driver": CLASS,
                "nodeName": node,
                "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
                "devices": devices,
            },
        },
        {
            **DRA,
            "kind": "DeviceClass",
            "metadata": {"name": CLASS},
            "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{CLASS}'"}}]},
        },
    ]
    with dra_plugin(
        folder=folder, driver=CLASS, given=lambda namespace, name: allocated(driver, namespace, name)
    ) as prepared:
        driver.api.apply(*objects)
        yield prepared
        space.delete(*(pod["metadata"]["name"] for pod in space.pods()))
        driver.api.remove(*objects)


def allocated(driver: Driver, namespace: str, claim: str) -> list[dict[str, Any]]:
    """What its status tells; [] before it has one."""
    path = path_of(DRA["apiVersion"], "ResourceClaim", claim, namespace)
    status = driver.api.ask("GET", path).get("status", {})
    found: list[dict[str, Any]] = status.get("allocation", {}).get("devices", {}).get("results", [])
    return found


def offered(driver: Driver, node: str) -> dict[str, str]:
    told = driver.api.ask("GET", path_of("v1", "Node", node))["status"]["allocatable"]
    return {resource: told.get(resource, "0") for resource in VARIABLES}


def ask(space: Space, name: str, node: str, networks: Sequence[str], *containers: Mapping[str, Any]) -> None:
    """For a pod with these networks, whose containers each ask for these resources."""
    made = space.template(", ".join(networks), node=node)
    (first,) = made["spec"]["containers"]
    made["spec"]["containers"] = [
        *({**first, "name": f"c{number}", "resources": asked} for number, asked in enumerate(containers)),
        first,  # the one that `Space` talks to, which wants nothing
    ]
    claims = [one["name"] for asked in containers for one in asked.get("claims", ())]
    made["spec"]["resourceClaims"] = [{"name": one, "resourceClaimName": one} for one in claims]
    made["metadata"] |= {"name": name, "namespace": space.name}
    space.driver.api.apply({"apiVersion": "v1", "kind": "Pod", **made})


def one_of(*resources: str) -> dict[str, Any]:
    """What a container asks for that wants one device of each."""
    return {"limits": dict.fromkeys(resources, "1")}


def variable(space: Space, pod: str, container: str, name: str) -> str:
    """Of a container, as its programs have it."""
    status, text = space.driver.api.exec(space.name, pod, "busybox", "env", container=container)
    assert status == 0, text
    return dict(line.split("=", 1) for line in text.splitlines())[name]


def check(space: Space, pod: str, node: str, resources: Sequence[str], devices: Sequence[str]) -> None:
    """Does each further network, in order, have this device of this resource, its plugin and its status too?"""
    inside, status = space.inside(pod), space.status(pod)
    assert [one["interface"] for one in status] == [
        "eth0",
        *(f"net{number}" for number in range(1, len(devices) + 1)),
    ]
    for one, resource, device in zip(status[1:], resources, devices, strict=True):
        ifname, info = one["interface"], DEVICES[resource][device]
        network = f"{space.name}/{resource.rpartition('/')[2]}"
        assert one == entry(network, ifname, inside.interfaces[ifname], **{"device-info": info})
        told = json.loads(space.driver.shell(node, "cat", f"{TOLD}/{pod}.{ifname}").stdout)
        assert (told["deviceID"], told["pciBusID"]) == (device, device)
        assert told["runtimeConfig"]["deviceID"] == device
        file = told["runtimeConfig"]["CNIDeviceInfoFile"]
        assert json.loads(space.driver.shell(node, "cat", file).stdout) == info


@pytest.mark.usefixtures("plugins")
def test_each_network_has_a_device_that_the_kubelet_gave_to_the_pod(space: Space, node: str):
    ask(space, "one", node, ["red", "blue", "red"], one_of(RED, BLUE), one_of(RED))
    ask(space, "two", node, ["blue", "red"], one_of(RED), one_of(BLUE))
    space.wait_ready("one", "two")
    one = [
        variable(space, "one", "c0", "RED"),
        variable(space, "one", "c0", "BLUE"),
        variable(space, "one", "c1", "RED"),
    ]
    two = [variable(space, "two", "c1", "BLUE"), variable(space, "two", "c0", "RED")]
    assert sorted(one + two) == sorted([*DEVICES[RED], *DEVICES[BLUE]])
    check(space, "one", node, [RED, BLUE, RED], one)
    check(space, "two", node, [BLUE, RED], two)
    assert space.reaches("one", space.addresses("two", "net2")[0], by="net1")

    # None is left: the scheduler says so, and the next to go makes room.
    ask(space, "three", node, ["red"], one_of(RED))
    until(lambda: waits(space, "three", f"Insufficient {RED}"), seconds=SECONDS, what="three to be told")
    assert "nodeName" not in (space.get("three") or {})["spec"]
    space.delete("two")
    space.wait_ready("three")
    assert variable(space, "three", "c0", "RED") == two[1]
    check(space, "three", node, [RED], [two[1]])

    space.delete("one", "three")
    files = space.driver.shell(node, "find", str(INFO / "cni"), "-type", "f").stdout.split()
    assert files == []


def waits(space: Space, pod: str, why: str) -> bool:
    """For the scheduler, which says this?"""
    conditions = (space.get(pod) or {}).get("status", {}).get("conditions", [])
    return any(one["type"] == "PodScheduled" and why in one.get("message", "") for one in conditions)


@pytest.mark.usefixtures("plugins")
def test_a_network_whose_device_no_container_asked_for_says_so(space: Space, node: str):
    ask(space, "one", node, ["red", "red"], one_of(RED))
    told = until(lambda: space.events("one", "FailedNetworks"), seconds=SECONDS, what="an event about one")
    sentence, _, hint = told[0].partition(" (")
    assert sentence == f"no device of the resource '{RED}' is left for {space.name}/red"
    assert hint.startswith("request as many of it in the pod's containers as there are networks")
    assert space.status("one") == []
    assert space.driver.shell(node, "ls", TOLD).stdout == "", "a plugin was called, and one has no device"


def test_each_network_has_a_device_that_the_scheduler_gave_to_a_claim_of_the_pod(
    space: Space, node: str, claims: list[str]
):
    for name in ("one", "two", "three"):
        requests = [{"name": "nic", "exactly": {"deviceClassName": CLASS}}]
        metadata = {"name": name, "namespace": space.name}
        space.driver.api.apply(
            {
                **DRA,
                "kind": "ResourceClaim",
                "metadata": metadata,
                "spec": {"devices": {"requests": requests}},
            }
        )
    for name in ("one", "two"):
        ask(space, name, node, ["green"], {"claims": [{"name": name}]})
    space.wait_ready("one", "two")
    assert sorted(claims) == [f"{space.name}/one", f"{space.name}/two"]
    given = {name: claimed(space, name) for name in ("one", "two")}
    assert sorted(given.values()) == sorted(DEVICES[GREEN])
    for name, device in given.items():
        check(space, name, node, [GREEN], [device])
    assert space.reaches("one", space.addresses("two", "net1")[0], by="net1")

    # None is left, until one of the two goes.
    ask(space, "three", node, ["green"], {"claims": [{"name": "three"}]})
    until(lambda: waits(space, "three", "cannot allocate all claims"), seconds=SECONDS, what="three to wait")
    space.delete("two")
    space.wait_ready("three")
    assert claimed(space, "three") == given["two"]
    check(space, "three", node, [GREEN], [given["two"]])


def claimed(space: Space, claim: str) -> str:
    """The id of the device that was allocated for it."""
    (result,) = allocated(space.driver, space.name, claim)
    return list(DEVICES[GREEN])[int(result["device"].removeprefix("green"))]
