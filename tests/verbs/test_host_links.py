"""Links of the host that are made on demand, as the meta plugin sees to them: settings, GC, rounds, a reboot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from multinet.__main__ import open_node
from multinet.cni.request import Request
from multinet.config import Settings
from multinet.verbs.reconcile import Memory, reconcile
from tests.support.netns import Netns
from tests.support.plugins import within
from tests.verbs.node import Node

pytestmark = pytest.mark.kernel

VXLAN = {"type": "vxlan", "id": 42, "parent": "eth1", "remote": "192.0.2.2"}


@pytest.fixture
def node(node: Node) -> Node:
    """Its pod gets a macvlan on a VXLAN that is not there."""
    node.host.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    node.cluster = {"cniVersion": "1.1.0", "name": "cluster", "type": "loopback"}
    node.pod("cart", "tunnelled")
    node.define("tunnelled", type="macvlan", master="vx42", hostLink=VXLAN)
    return node


def users(node: Node) -> dict[str, list[str]]:
    said = [json.loads(file.read_text()) for file in (node.folder / "state/host-links").glob("*.json")]
    return {one["link"]: [user["container"] for user in one["users"]] for one in said}


def clear_up(node: Node) -> Any:
    env = {"CNI_COMMAND": "STATUS", "CNI_PATH": str(node.folder / "bin")}
    request = Request.parse(env, json.dumps(node.conf()).encode())
    doors = open_node(request, Settings.parse(request.conf.raw), env)
    return within(node.host, lambda: reconcile(doors, most=64, memory=Memory()))


def test_two_pods_share_a_link_by_separate_calls(node: Node, netns: Callable[..., Netns]):
    first, second = netns("pod1"), netns("pod2")
    node.add(first)
    node.add(second, container="c2")
    assert users(node) == {"vx42": ["c1", "c2"]}
    node.add(first)  # the runtime did not hear the answer
    assert sorted(users(node)["vx42"]) == ["c1", "c2"]

    node.undefine("tunnelled")
    node.do("DEL", first)
    assert users(node) == {"vx42": ["c2"]}
    node.do("DEL", second, container="c2")
    assert sorted(node.host.links()) == ["eth1", "eth2"]
    assert users(node) == {}


def test_a_network_that_fails_gives_back_the_link_of_the_one_before(node: Node, pod: Netns):
    node.pod("cart", "tunnelled, broken")
    node.define("broken", type="macvlan", master="nosuch")

    node.refusal("ADD", pod)
    assert sorted(node.host.links()) == ["eth1", "eth2"]
    assert users(node) == {}


def test_the_settings_may_leave_it_to_the_operator(node: Node, pod: Netns):
    node.settings = {"hostLinks": ["vlan"]}
    assert node.refusal("ADD", pod) == {
        "code": 7,
        "msg": 'default/tunnelled[macvlan]: the master "vx42" was not found: Link not found',
        "details": "make it on this node, or let the setting 'hostLinks' have 'vxlan'",
    }
    node.settings = {"hostLinks": ["vxlam"]}
    assert node.refusal("ADD", pod)["msg"] == "hostLinks[0]: 'vxlam' is not one of vlan, vxlan"


def test_gc_takes_the_link_with_the_last_container_that_is_not_valid(node: Node, netns: Callable[..., Netns]):
    for number in (1, 2):
        node.add(netns(f"pod{number}"), container=f"c{number}")

    node.gc(("c2", "eth0"))
    assert users(node) == {"vx42": ["c2"]}
    node.gc()
    assert sorted(node.host.links()) == ["eth1", "eth2"]


def test_after_a_reboot_the_users_of_before_mean_nothing(node: Node, pod: Netns):
    node.add(pod)
    node.host.ip("link", "del", "vx42")  # as all of the kernel's
    file = node.folder / "state/sandboxes/c1@eth0.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "bootID": "11111111-2222-3333-4444-555555555555"}))
    node.add(pod, container="c2", ifname="eth7")
    assert users(node) == {"vx42": ["c2"]}

    clear_up(node)
    assert not file.exists()
    assert users(node) == {"vx42": ["c2"]}
    node.do("DEL", pod, container="c2", ifname="eth7")
    assert sorted(node.host.links()) == ["eth1", "eth2"]


def test_a_round_clears_what_no_record_and_no_namespace_asks_for(node: Node, netns: Callable[..., Netns]):
    pod, other = netns("pod1"), netns("pod2")
    node.add(pod)
    assert clear_up(node).said() == {"cleared": {}, "files": 0}
    (node.folder / "state/sandboxes/c1@eth0.json").unlink()
    assert clear_up(node).links == 0
    node.host.run("ip", "netns", "delete", pod.name)

    assert clear_up(node).said() == {"cleared": {}, "files": 0, "links": 1}
    assert sorted(node.host.links()) == ["eth1", "eth2"]
    assert other.links() == []
