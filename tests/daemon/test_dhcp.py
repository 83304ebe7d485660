"""The agent keeps the leases of its node's pods itself, and the next agent goes on with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from delegates.ipam.dhcp.packet import Kind
from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.dhcp import ADDRESS, Server, seconds
from tests.support.netns import Netns
from tests.support.node import AgentNode
from tests.support.plugins import pings
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

OFTEN = {51: seconds(60), 58: seconds(1), 59: seconds(30)}


@pytest.fixture
def node(make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str) -> AgentNode:
    """With two networks of one LAN, whose server is on the host's bridge."""
    made = make_node()
    for command in ("link add br9 type bridge", "link set br9 up", f"addr add {ADDRESS} dev br9"):
        made.host.ip(*command.split())
    made.host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    made.host.ip("link", "set", "up1", "master", "br9", "up")
    made.host.ip("link", "set", "up0", "up")
    provide = [{"option": "host-name", "fromArg": "K8S_POD_NAME"}]
    for name, plugin in (
        ("lan", {"type": "bridge", "bridge": "br9"}),
        ("also-lan", {"type": "macvlan", "master": "up0"}),
    ):
        conf = {"cniVersion": "1.1.0", **plugin, "ipam": {"type": "dhcp", "provide": provide}}
        kubeobjects.nad(control_plane, kube_namespace, name, conf)
    return made.start()


@pytest.fixture
def server(node: AgentNode) -> Iterator[Server]:
    made = Server(device="br9", times=OFTEN).start(node.host)
    yield made
    made.stop()


def renewals(server: Server) -> list[str]:
    return [heard.source for heard in server.of(Kind.REQUEST) if heard.unicast]


def test_leases_are_renewed_by_the_agent_and_after_its_death_by_the_next(
    node: AgentNode, server: Server, sandbox: MakeSandbox
):
    one = sandbox("lan,also-lan")
    result = node.call("ADD", one).ok()
    assert node.call("CHECK", one, prevResult=result).code == 0
    pod = Netns(name=Path(one.netns).name)
    addresses = sorted(pod.addresses("net1") + pod.addresses("net2"))
    assert addresses == ["10.66.0.10/24", "10.66.0.11/24"]
    assert pings(pod, "10.66.0.1", "-I", "net1")
    both = {address.partition("/")[0] for address in addresses}
    until(lambda: set(renewals(server)) == both, seconds=15, what="each to be renewed")

    node.kill()
    server.heard.clear()
    assert len(list((node.state / "dhcp").glob("*.json"))) == 2
    node.start()
    until(lambda: set(renewals(server)) == both, seconds=15, what="each to be renewed by the next agent")

    node.call("DEL", one).ok()
    until(lambda: sorted(map(str, server.released)) == sorted(both), what="both to be given back")
    assert list((node.state / "dhcp").glob("*.json")) == []
    assert node.stop() == 0


def test_a_request_that_has_no_time_left_waits_for_no_server_and_leaves_nothing(
    node: AgentNode, server: Server, sandbox: MakeSandbox
):
    server.silent = lambda heard: True
    node.stop()
    node.write_settings(agent={"requestSeconds": 2})
    node.start()
    one = sandbox("lan")
    late = node.call("ADD", one)
    assert late.error()["code"] == 11
    assert "no DHCP server answered while the request had time" in late.error()["msg"]
    assert "net1" not in Netns(name=Path(one.netns).name).links()
    node.call("DEL", one).ok()
    assert list((node.state / "dhcp").glob("*.json")) == []
