"""CHECK: as long as all is as it was made, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.verbs.node import CLUSTER, Node

pytestmark = pytest.mark.kernel

Harm = Callable[[Node, Netns], None]


def without_route(node: Node, pod: Netns) -> None:
    pod.ip("route", "delete", "default")


def without_address(node: Node, pod: Netns) -> None:
    pod.ip("address", "delete", "10.81.0.2/24", "dev", "net1")


def without_reservation(node: Node, pod: Netns) -> None:
    (node.folder / "addresses" / "net-a" / "10.81.0.2").unlink()


def without_bridge(node: Node, pod: Netns) -> None:
    node.host.ip("link", "delete", "br1")


def with_another_address(node: Node, pod: Netns) -> None:
    pod.ip("address", "add", "10.81.0.99/24", "dev", "net1")
    pod.ip("address", "delete", "10.81.0.2/24", "dev", "net1")


def with_another_gateway(node: Node, pod: Netns) -> None:
    pod.ip("route", "replace", "default", "via", "10.80.0.77")


def without_link(node: Node, pod: Netns) -> None:
    pod.ip("link", "delete", "net1")


def with_another_mac(node: Node, pod: Netns) -> None:
    pod.ip("link", "set", "net1", "address", "02:00:00:00:00:99")


def with_the_link_renamed(node: Node, pod: Netns) -> None:
    pod.ip("link", "set", "net1", "down")
    pod.ip("link", "set", "net1", "name", "mine")


def with_another_kind_of_link(node: Node, pod: Netns) -> None:
    pod.ip("link", "delete", "net1")
    pod.ip("link", "add", "net1", "type", "bridge")


HARM: dict[Harm, str] = {
    with_another_address: "default/net-a[bridge]: Failed to match addr 10.81.0.2/24 on interface net1",
    with_another_mac: "default/net-a: the interface net1 has the MAC 02:00:00:00:00:99 and was given $MAC",
    with_another_gateway: "cluster: the default route over 10.80.0.1 is gone",
    without_link: "default/net-a: the interface net1 is gone",
    with_the_link_renamed: "default/net-a: the interface net1 is gone",
    with_another_kind_of_link: "default/net-a: the interface net1 has the MAC $NOW and was given $MAC",
    without_route: (
        "cluster[bridge]: Expected Route {Dst:{IP:0.0.0.0 Mask:00000000} GW:10.80.0.1 MTU:0 AdvMSS:0 "
        "Priority:0 Table:<nil> Scope:<nil>} not found in routing table"
    ),
    without_address: "default/net-a[bridge]: Failed to match addr 10.81.0.2/24 on interface net1",
    without_reservation: (
        "default/net-a[bridge][host-local]: host-local: Failed to find address added by container c1"
    ),
    without_bridge: "default/net-a[bridge]: Interface br1 not found",
}


def mac_of(pod: Netns, name: str) -> str:
    return next((link["address"] for link in pod.json("ip", "-j", "link") if link["ifname"] == name), "")


def test_check_is_content_with_what_add_made(node: Node, pod: Netns) -> None:
    node.add(pod)

    node.do("CHECK", pod)
    node.do("CHECK", pod)


@pytest.mark.parametrize("harm", HARM)
def test_check_tells_what_is_not_as_it_was_made(node: Node, pod: Netns, harm: Harm) -> None:
    node.add(pod)
    mac = mac_of(pod, "net1")
    harm(node, pod)
    now = mac_of(pod, "net1")

    said = node.refusal("CHECK", pod)

    assert (said["code"], said["msg"]) == (999, HARM[harm].replace("$MAC", mac).replace("$NOW", now))


def test_check_tells_that_an_interface_is_gone(node: Node, pod: Netns) -> None:
    node.cluster = {"cniVersion": "1.1.0", "name": "cluster", "type": "ptp", "ipam": CLUSTER["ipam"]}
    node.pod("cart")
    node.add(pod)
    pod.ip("link", "delete", "eth0")

    said = node.refusal("CHECK", pod)

    assert (said["code"], said["msg"]) == (999, "cluster: the interface eth0 is gone")


def test_check_of_what_was_never_made_says_so(node: Node, pod: Netns) -> None:
    assert node.refusal("CHECK", pod) == {
        "code": 999,
        "msg": "nothing is recorded for eth0 of container c1",
        "details": "its ADD did not end well, or another plugin made its networks",
    }


def test_check_does_not_look_where_the_settings_or_the_network_forbid_it(node: Node, pod: Netns) -> None:
    plugins: list[dict[str, Any]] = [{"type": "bridge", "bridge": "br1"}]
    node.define("net-a", disableCheck=True, plugins=plugins)
    node.add(pod)
    pod.ip("link", "delete", "net1")
    node.do("CHECK", pod)

    pod.ip("link", "delete", "eth0")
    assert node.refusal("CHECK", pod)["code"] == 999
    node.do("CHECK", pod, conf={"disableCheck": True})


def test_check_changes_nothing(node: Node, pod: Netns) -> None:
    node.add(pod)
    without_route(node, pod)
    before = node.left()

    node.refusal("CHECK", pod)

    assert node.left() == before
    assert pod.json("ip", "-j", "route", "show", "default") == []


def test_check_leaves_to_an_executable_what_its_result_means(node: Node, pod: Netns) -> None:
    """Some tell of links that are not there, and of routes they only have in mind."""
    program = node.folder / "bin" / "stranger"
    program.parent.mkdir()
    result = (
        '{"cniVersion": "1.1.0", "interfaces": [{"name": "dummy1", "mac": "7", "sandbox": "/x"}],'
        ' "routes": [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}]}'
    )
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n[ $CNI_COMMAND != ADD ] || echo '{result}'\n")
    program.chmod(0o755)
    node.cluster = {"cniVersion": "1.1.0", "name": "cluster", "type": "stranger"}
    node.add(pod)

    node.do("CHECK", pod)
