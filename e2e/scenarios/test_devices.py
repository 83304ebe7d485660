"""The devices that a device plugin offers, and that the kubelet gives to a pod's containers, are its networks'."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Any, Final

import pytest

from e2e.cluster.api import path_of
from e2e.cluster.deviceplugin import FOLDER, DevicePlugin
from e2e.cluster.driver import Driver
from e2e.cluster.pods import Space, entry
from e2e.scenarios.networks import host_local
from tests.support.wait import until

RED, BLUE = "e2e.multinet.dev/red", "e2e.multinet.dev/blue"
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
}
"""resource -> device -> what its plugin knows of it (device-info-spec 1.1.0). None of them is on any machine."""
VARIABLES: Final = {RED: "RED", BLUE: "BLUE"}
"""In which the containers are told their devices."""

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
    """It has the plugin, and devices of both resources that the definitions `red` and `blue` ask for."""
    name = driver.nodes[0]
    folder = driver.folder(name, FOLDER)
    if folder is None:
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
        for number, (resource, devices) in enumerate(DEVICES.items(), 21):
            stack.enter_context(
                DevicePlugin(
                    folder=folder, resource=resource, devices=[*devices], variable=VARIABLES[resource]
                )
            )
            config = {
                "type": PurePosixPath(TELLER).name,
                "bridge": LINK,
                "ipam": host_local(f"10.9.{number}.0/24"),
                "capabilities": {"deviceID": True, "CNIDeviceInfoFile": True},
            }
            space.define(resource.rpartition("/")[2], config, resource=resource)
        wanted = {resource: str(len(devices)) for resource, devices in DEVICES.items()}
        until(
            lambda: offered(driver, name) == wanted, seconds=OFFERED_SECONDS, what="the devices to be offered"
        )
        yield name
        space.delete(*(pod["metadata"]["name"] for pod in space.pods()))  # by the plugin that made its links


def offered(driver: Driver, node: str) -> dict[str, str]:
    told = driver.api.ask("GET", path_of("v1", "Node", node))["status"]["allocatable"]
    return {resource: told.get(resource, "0") for resource in DEVICES}


def ask(space: Space, name: str, node: str, networks: Sequence[str], *containers: Sequence[str]) -> None:
    """For a pod with these networks, whose containers each want one device of these resources."""
    made = space.template(", ".join(networks), node=node)
    (first,) = made["spec"]["containers"]
    made["spec"]["containers"] = [
        {**first, "name": f"c{number}", "resources": {"limits": dict.fromkeys(resources, "1")}}
        for number, resources in enumerate(containers)
    ]
    # One that is named as `Space` expects it, and wants nothing.
    made["spec"]["containers"].append(first)
    made["metadata"] |= {"name": name, "namespace": space.name}
    space.driver.api.apply({"apiVersion": "v1", "kind": "Pod", **made})


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


def test_each_network_has_a_device_that_the_kubelet_gave_to_the_pod(space: Space, node: str):
    ask(space, "one", node, ["red", "blue", "red"], [RED, BLUE], [RED])
    ask(space, "two", node, ["blue", "red"], [RED], [BLUE])
    space.wait_ready("one", "two")
    one = [
        variable(space, "one", "c0", "RED"),
        variable(space, "one", "c0", "BLUE"),
        variable(space, "one", "c1", "RED"),
    ]
    two = [variable(space, "two", "c1", "BLUE"), variable(space, "two", "c0", "RED")]
    assert sorted(one + two) == sorted(device for devices in DEVICES.values() for device in devices)
    check(space, "one", node, [RED, BLUE, RED], one)
    check(space, "two", node, [BLUE, RED], two)
    assert space.reaches("one", space.addresses("two", "net2")[0], by="net1")

    # None is left: the scheduler says so, and the next to go makes room.
    ask(space, "three", node, ["red"], [RED])
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


def test_a_network_whose_device_no_container_asked_for_says_so(space: Space, node: str):
    ask(space, "one", node, ["red", "red"], [RED])
    told = until(lambda: space.events("one", "FailedNetworks"), seconds=SECONDS, what="an event about one")
    sentence, _, hint = told[0].partition(" (")
    assert sentence == f"no device of the resource '{RED}' is left for {space.name}/red"
    assert hint.startswith("request as many of it in the pod's containers as there are networks")
    assert space.status("one") == []
    assert space.driver.shell(node, "ls", TOLD).stdout == "", "a plugin was called, and one has no device"
