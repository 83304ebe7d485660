"""Two nodes with flannel's own daemon and no cluster: flannel is the pods' first network, macvlan their second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.daemon.flannel.nodes import FlannelNode
from tests.support.flannel import CARD, FIRST, Fabric
from tests.support.netns import Netns
from tests.support.node import Said
from tests.support.plugins import pings
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.flannel]

BACKENDS = {
    "vxlan": 1450,
    "host-gw": 1500,
}
"""The MTU that each leaves to pods, on a card with 1500."""


def serving(node: FlannelNode) -> bool:
    return node.status().code == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_pods_of_two_nodes_reach_one_another_over_both_networks(
    backend: str, fabric: Fabric, nodes: list[FlannelNode], netns: Callable[..., Netns]
):
    fabric.network(
        "/test", {"Network": "10.244.0.0/16", "EnableNFTables": True, "Backend": {"Type": backend}}
    )
    for node in nodes:
        assert_waits_for_flanneld(node)
    for node in nodes:
        node.flanneld("/test")
    for node in nodes:
        until(lambda node=node: serving(node), seconds=20, what="an ADD to be possible")

    left, right = nodes
    for node in nodes:
        warmed = node.pod(netns("first"), lan="10.50.0.9/24")
        node.agent.call("ADD", warmed).ok()
        node.agent.call("DEL", warmed).ok()
    before = [node.left() for node in nodes]

    pods = [netns("one"), netns("other")]
    sandboxes = [
        node.pod(pod, lan=f"10.50.0.{number}/24")
        for number, (node, pod) in enumerate(zip(nodes, pods, strict=True), 1)
    ]
    results = [node.agent.call("ADD", one).ok() for node, one in zip(nodes, sandboxes, strict=True)]
    one, other = (result["ips"][0]["address"].partition("/")[0] for result in results)

    assert [link["mtu"] for link in pods[0].json("ip", "-j", "link", "show", "eth0")] == [BACKENDS[backend]]
    assert way(left, other) == (
        {"dev": "flannel.1"} if backend == "vxlan" else {"dev": CARD, "gateway": right.address}
    )
    until(lambda: pings(pods[0], other), what=f"a ping to {other} over flannel")
    until(lambda: pings(pods[1], one), what=f"a ping to {one} over flannel")
    until(lambda: pings(pods[0], "10.50.0.2", "-I", "net1"), what="a ping over macvlan")
    until(lambda: pings(pods[1], "10.50.0.1", "-I", "net1"), what="a ping over macvlan, back")
    until(lambda: pings(pods[0], FIRST), what="a ping out of the network, masqueraded by flanneld")

    for node, sandbox in zip(nodes, sandboxes, strict=True):
        node.agent.call("CHECK", sandbox, prevResult=results[nodes.index(node)]).ok()
        node.stop_flanneld()
        node.agent.call("DEL", sandbox).ok()
    assert [node.left() for node in nodes] == before
    assert [pod.links() for pod in pods] == [[], []]


def assert_waits_for_flanneld(node: FlannelNode) -> None:
    said: Said = node.status()
    error: dict[str, Any] = said.error()
    assert error["code"] == 50
    assert f"flannel has given this node no subnet: there is no {node.folder}/subnet.env" in error["msg"]


def way(node: FlannelNode, address: str) -> dict[str, str]:
    """How the node sends to that address."""
    (route,) = node.host.json("ip", "-j", "route", "get", address)
    gateway = route.get("gateway", "")
    return {"dev": route["dev"], **({"gateway": gateway} if route["dev"] == CARD else {})}
