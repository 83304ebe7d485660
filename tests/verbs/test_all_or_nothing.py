"""A pod gets all of its networks or none; what went wrong is said, and so is what could not be undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from multinet import steps
from tests.faults import facts
from tests.support.netns import Netns
from tests.verbs.node import Node, host_local

pytestmark = pytest.mark.kernel

LOGGER = """#!/bin/sh
echo "$CNI_COMMAND {name}" >> {log}
cat > /dev/null
case "$CNI_COMMAND-{fails}" in
  ADD-ADD) echo '{{"cniVersion": "1.1.0", "code": 100, "msg": "no luck", "details": "none at all"}}'; exit 1 ;;
  DEL-DEL) echo '{{"cniVersion": "1.1.0", "code": 101, "msg": "stuck"}}'; exit 1 ;;
  ADD-*) echo '{{"cniVersion": "1.1.0", "interfaces": [], "ips": []}}' ;;
esac
"""


def executable(node: Node, name: str, fails: str = "") -> None:
    """A CNI program that only writes down how it was called."""
    folder = node.folder / "bin"
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(LOGGER.format(name=name, log=node.folder / "calls", fails=fails))
    file.chmod(0o755)
    node.define(name, type=name)


def calls(node: Node) -> list[str]:
    return (node.folder / "calls").read_text().splitlines()


def test_when_the_third_network_fails_the_others_are_gone_newest_first(node: Node, pod: Netns) -> None:
    for name in ("one", "two"):
        executable(node, name)
    executable(node, "three", fails="ADD")
    node.pod("cart", "one,two,three")
    before = facts.of_container(pod)

    assert node.refusal("ADD", pod) == {
        "code": 100,
        "msg": "default/three[three]: no luck",
        "details": "none at all",
    }
    assert calls(node) == ["ADD one", "ADD two", "ADD three", "DEL three", "DEL two", "DEL one"]
    assert facts.of_container(pod) == before
    assert (node.addresses("cluster"), node.records()) == ({}, [])


def test_what_could_not_be_undone_is_a_note_on_the_error_and_the_record_stays(node: Node, pod: Netns) -> None:
    executable(node, "one", fails="DEL")
    executable(node, "two", fails="ADD")
    node.pod("cart", "one,two")

    assert node.refusal("ADD", pod) == {
        "code": 100,
        "msg": "default/two[two]: no luck",
        "details": "none at all\nwhile undoing: could not run one DEL: stuck",
    }
    assert node.records() == ["c1@eth0.json"]
    assert node.addresses("cluster") == {}

    assert node.refusal("DEL", pod) == {
        "code": 101,
        "msg": "default/one[one]: stuck",
        "details": "what is left stays on record: the runtime's next DEL tries again, and so does the agent",
    }
    executable(node, "one")
    node.do("DEL", pod)
    assert node.records() == []


def test_links_are_undone_newest_first(node: Node, pod: Netns) -> None:
    node.define("bad", type="macvlan", master="not-there")
    node.pod("cart", "net-a,net-b,bad")
    taken: list[str] = []
    steps.listen(taken.append)
    try:
        said = node.refusal("ADD", pod)
    finally:
        steps.listen(None)

    assert said == {
        "code": 7,
        "msg": 'default/bad[macvlan]: the master "not-there" was not found: Link not found',
        "details": "correct the key 'master', or make that link on this node",
    }
    removed = [step for step in taken if "delete" in step or (step.startswith("remove") and "@" in step)]
    order = [word for step in removed for word in ("net2", "net1", "eth0", "c1@eth0.json") if word in step]
    assert list(dict.fromkeys(order)) == ["net2", "net1", "eth0", "c1@eth0.json"]
    assert pod.links() == []
    assert (node.addresses("net-a"), node.addresses("net-b"), node.addresses("cluster")) == ({}, {}, {})


ASKED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "an address that nobody gives": (
        {"type": "bridge", "bridge": "br7"},
        {"ips": ["10.87.0.9/24"]},
        {
            "code": 7,
            "msg": "default/asked: the address 10.87.0.9/24 was asked for, but the network's plugins did not use it",
            "details": 'add "capabilities": {"ips": true} to a plugin of the network that can',
        },
    ),
    "a MAC for an interface that has none of its own": (
        {"type": "loopback"},
        {"mac": "02:00:00:00:00:07"},
        {
            "code": 7,
            "msg": "default/asked: the MAC 02:00:00:00:00:07 was asked for, but the network's plugins did not use it",
            "details": 'add "capabilities": {"mac": true} to a plugin of the network that can',
        },
    ),
    "a second address, of which the network gives one": (
        {"type": "bridge", "bridge": "br7", "capabilities": {"ips": True}, "ipam": host_local("10.87.0.0/24")},
        {"ips": ["10.87.0.9/24", "10.87.0.10/24"]},
        {
            "code": 999,
            "msg": "default/asked[bridge][host-local]: failed to allocate all requested IPs: 10.87.0.10",
            "details": "each must lie in a range set of its own, since a set gives one address",
        },
    ),
}  # fmt: skip


def test_addresses_of_both_families_may_be_asked_for_of_host_local(node: Node, pod: Netns) -> None:
    ipam = host_local("10.87.0.0/24", "fd87::/64")
    node.define("asked", type="bridge", bridge="br7", capabilities={"ips": True}, ipam=ipam)
    node.pod("cart", [{"name": "asked", "ips": ["10.87.0.9/24", "fd87::9/64"]}])

    node.add(pod)

    assert pod.addresses("net1") == ["10.87.0.9/24", "fd87::9/64"]


@pytest.mark.parametrize("case", ASKED)
def test_what_was_asked_for_and_not_done_is_an_error_and_is_undone(node: Node, pod: Netns, case: str) -> None:
    conf, asked, error = ASKED[case]
    node.define("asked", **conf)
    node.pod("cart", [{"name": "asked", **asked}])

    assert node.refusal("ADD", pod) == error
    assert pod.links() == []
    assert (node.addresses("net"), node.addresses("cluster"), node.records()) == ({}, {}, [])


def test_an_address_and_a_mac_reach_a_network_that_declares_no_capability(node: Node, pod: Netns) -> None:
    """By CNI_ARGS, as Multus sends them."""
    node.define("asked", type="bridge", bridge="br7", ipam={"type": "static"})
    node.pod("cart", [{"name": "asked", "ips": ["10.87.0.9/24"], "mac": "02:00:00:00:00:07"}])

    node.add(pod)

    assert pod.addresses("net1") == ["10.87.0.9/24"]
    assert pod.json("ip", "-j", "link", "show", "net1")[0]["address"] == "02:00:00:00:00:07"


def test_a_name_that_somebody_else_took_is_refused_before_any_change(node: Node, pod: Netns) -> None:
    pod.ip("link", "add", "net1", "type", "veth", "peer", "name", "far")
    before, inside = node.left(), facts.of_container(pod)

    assert node.refusal("ADD", pod) == {
        "code": 999,
        "msg": "default/net-a: the container has an interface 'net1' already",
        "details": "somebody else made it: give this network another name, or remove that interface",
    }
    assert (node.left(), facts.of_container(pod)) == (before, inside)


def test_before_the_cluster_network_is_ready_the_runtime_is_told_to_try_again(node: Node, pod: Netns) -> None:
    ready = node.folder / "ready"
    node.settings["readinessIndicatorFile"] = "$FOLDER/ready"
    before = node.left()

    assert node.refusal("ADD", pod) == {
        "code": 11,
        "msg": "the cluster network is not ready: $FOLDER/ready is not there",
        "details": "its own agent on this node makes that file; the runtime will try again",
    }
    assert node.left() == before
    ready.touch()
    node.add(pod)


def test_a_result_that_the_version_cant_tell_is_undone(node: Node, pod: Netns) -> None:
    """0.2.0 knows no result without addresses."""
    node.cluster = {"cniVersion": "0.2.0", "name": "cluster", "type": "bridge", "bridge": "br0"}
    node.pod("cart")

    said = node.refusal("ADD", pod, version="0.2.0")

    assert said == {
        "code": 7,
        "msg": "cannot convert: no valid IP addresses",
        "details": "a result of version 0.2.0 can't be told without an address: use 0.3.0 or newer",
    }
    assert (pod.links(), node.records()) == ([], [])


def test_a_status_that_cant_be_written_takes_all_back(node: Node, pod: Netns) -> None:
    (node.folder / "cluster" / "default.cart.status.json").mkdir()

    said = node.refusal("ADD", pod)

    assert said["code"] == 5
    assert said["msg"] == "could not write $FOLDER/cluster/default.cart.status.json: Is a directory"
    assert (pod.links(), node.addresses("cluster"), node.addresses("net-a"), node.records()) == (
        [],
        {},
        {},
        [],
    )


def test_two_sandboxes_at_the_same_time_get_what_they_would_get_alone(
    node: Node, netns: Callable[..., Netns]
) -> None:
    pods = [netns(f"pod{number}") for number in range(4)]
    for number in range(4):
        node.pod(f"p{number}", "net-a,net-b")
    node.pod("first", "net-a,net-b")
    node.add(netns("first"), pod="first", container="first")  # the bridges are there

    def told(number: int) -> dict[str, str]:
        return {"pod": f"p{number}", "container": f"c{number}"}

    with ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda number: node.add(pods[number], **told(number)), range(4)))
    addresses = [ip["address"] for result in results for ip in result["ips"]]
    assert len(set(addresses)) == 4
    for network in ("cluster", "net-a", "net-b"):
        assert len(node.addresses(network)) == 5
    for number in range(4):
        node.do("CHECK", pods[number], **told(number))

    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda number: node.do("DEL", pods[number], **told(number)), range(4)))
    assert [namespace.links() for namespace in pods] == [[], [], [], []]
    assert len([link for link in node.host.links() if link.startswith("veth")]) == 3
    assert (list(node.addresses("cluster").values()), node.records()) == (["first eth0"], ["first@eth0.json"])


def test_two_requests_of_one_container_keep_off_each_others_links(node: Node, pod: Netns) -> None:
    """A runtime may ask twice with two names in one namespace."""
    node.pod("cart")
    node.pod("more", "net-a@more1")
    node.add(pod, ifname="eth0")
    node.add(pod, ifname="eth1", pod="more")
    assert sorted(pod.links()) == ["eth0", "eth1", "more1"]

    node.do("DEL", pod, ifname="eth1", pod="more")

    assert pod.links() == ["eth0"]
    node.do("CHECK", pod, ifname="eth0")
    assert node.records() == ["c1@eth0.json"]


def test_the_answer_is_that_of_the_first_network_alone(node: Node, pod: Netns) -> None:
    said = json.dumps(node.add(pod))

    assert "10.80.0.2/24" in said
    assert "10.81." not in said
    assert "net1" not in said


def test_device_info_files_that_cant_all_be_made_are_all_gone(node: Node, pod: Netns) -> None:
    told = node.folder / "devices" / "dp"
    told.mkdir(parents=True)
    (told / "res-dev1-device.json").write_text("{}")
    (told / "res-dev2-device.json").mkdir()
    node.pod("cart", [{"name": "net-a", "deviceID": "dev1"}, {"name": "net-b", "deviceID": "dev2"}])

    assert node.refusal("ADD", pod) == {
        "code": 5,
        "msg": "could not read $FOLDER/devices/dp/res-dev2-device.json: it is no regular file",
        "details": "name a file",
    }
    assert list((node.folder / "devices" / "cni").iterdir()) == []
    assert (pod.links(), node.records()) == ([], [])


def test_a_very_long_container_id_gets_its_networks_and_loses_them(node: Node, pod: Netns) -> None:
    node.add(pod, container="c" * 255)
    node.do("CHECK", pod, container="c" * 255)
    node.do("DEL", pod, container="c" * 255)

    assert (pod.links(), node.addresses("net-a"), node.records()) == ([], {}, [])
