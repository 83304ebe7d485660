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


HARM: dict[Harm, str] = {
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


def test_check_is_content_with_what_add_made(node: Node, pod: Netns) -> None:
    node.add(pod)

    node.do("CHECK", pod)
    node.do("CHECK", pod)


@pytest.mark.parametrize("harm", HARM)
def test_check_tells_what_is_not_as_it_was_made(node: Node, pod: Netns, harm: Harm) -> None:
    node.add(pod)
    harm(node, pod)

    said = node.refusal("CHECK", pod)

    assert (said["code"], said["msg"]) == (999, HARM[harm])


def test_check_tells_that_an_interface_is_gone(node: Node, pod: Netns) -> None:
    node.cluster = {"cniVersion": "1.1.0", "name": "cluster", "type": "ptp", "ipam": CLUSTER["ipam"]}
    node.pod("cart")
    node.add(pod)
    pod.ip("link", "delete", "eth0")

    said = node.refusal("CHECK", pod)

    assert (said["code"], said["msg"]) == (999, "cluster[ptp]: Cannot find container link eth0")


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
