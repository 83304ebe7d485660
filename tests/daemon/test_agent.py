"""The whole way: a runtime executes the shim, the agent answers, the API server knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import STATUS, AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


@pytest.fixture
def net_a(control_plane: ControlPlane, kube_namespace: str, node: AgentNode) -> str:
    """A definition in the test's namespace: macvlan over the cluster's bridge."""
    conf = {"cniVersion": "1.1.0", "type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/24")}
    kubeobjects.nad(control_plane, kube_namespace, "net-a", conf)
    return f"{kube_namespace}/net-a"


def test_a_pod_gets_its_networks_and_the_api_server_knows_them(
    node: AgentNode, control_plane: ControlPlane, sandbox: MakeSandbox, net_a: str
):
    one = sandbox("net-a")
    before = len(control_plane.requests())

    result = node.call("ADD", one).ok()
    assert [link["name"] for link in result["interfaces"] if link.get("sandbox")] == ["eth0"]
    assert result["ips"][0]["address"] == "10.244.0.2/16"
    metadata = one.pod["metadata"]
    status = json.loads(
        kubeobjects.get_pod(control_plane, metadata["namespace"], metadata["name"])["metadata"][
            "annotations"
        ][STATUS]
    )
    assert [(entry["name"], entry["interface"], entry["ips"]) for entry in status] == [
        ("cluster", "eth0", ["10.244.0.2"]),
        (net_a, "net1", ["10.9.0.2"]),
    ]
    asked = [one for one in control_plane.requests()[before:] if one.resource != "events"]
    assert [(one.verb, one.resource) for one in asked] == [("patch", "pods/status")]

    assert node.call("CHECK", one).ok() == {}
    assert node.call("STATUS").ok() == {}
    assert node.call("DEL", one).ok() == {}
    assert node.call("DEL", one).ok() == {}
    assert (node.records(), node.addresses()) == ([], [])
    assert node.host.links() == ["br0"]


def test_a_pod_without_further_networks_costs_the_api_server_nothing(
    node: AgentNode, control_plane: ControlPlane, sandbox: MakeSandbox
):
    one = sandbox()
    before = len(control_plane.requests())
    node.call("ADD", one).ok()
    node.call("CHECK", one).ok()
    node.call("DEL", one).ok()
    assert control_plane.requests()[before:] == []


def test_a_runtime_that_hands_over_no_annotations_is_served_from_the_cache(
    node: AgentNode, control_plane: ControlPlane, sandbox: MakeSandbox, net_a: str
):
    one = sandbox("net-a")

    def cached() -> bool:
        return (
            'cache="pods"' in node.probe("metrics")[1] and node.call("ADD", one, annotations=False).code == 0
        )

    until(cached, seconds=10)
    assert len(node.lines()) > 0
    node.call("DEL", one).ok()
    assert node.addresses() == []


def test_gc_takes_what_the_runtime_no_longer_knows(node: AgentNode, sandbox: MakeSandbox, net_a: str):
    kept, gone = sandbox("net-a"), sandbox("net-a")
    for one in (kept, gone):
        node.call("ADD", one).ok()
    valid = [{"containerID": kept.id, "ifname": "eth0"}]
    node.call("GC", **{"cni.dev/valid-attachments": valid, "cni.dev/attachments": valid}).ok()
    assert node.records() == [f"{kept.id}@eth0.json"]
    assert len(node.addresses()) == 2
    node.call("CHECK", kept).ok()
    node.call("DEL", kept).ok()
    assert node.addresses() == []


def test_a_delegate_is_served_under_its_own_name(node: AgentNode, sandbox: MakeSandbox):
    one = sandbox()
    conf = {
        "cniVersion": "1.1.0",
        "name": "own",
        "type": "bridge",
        "bridge": "br9",
        "ipam": node.host_local("10.7.0.0/24"),
    }
    stdin = json.dumps(conf).encode()
    result = node.call("ADD", one, name="bridge", stdin=stdin).ok()
    assert result["ips"][0]["address"] == "10.7.0.2/24"
    assert "br9" in node.host.links()
    node.call("DEL", one, name="bridge", stdin=stdin).ok()
    assert node.addresses() == []


def test_a_host_plugin_runs_on_the_host_through_the_shim(make_node: MakeNode, sandbox: MakeSandbox):
    node = make_node(settings={"executables": ["bridge", "host-local"]})
    node.start()
    one = sandbox()
    result = node.call("ADD", one).ok()
    assert result["ips"][0]["address"] == "10.244.0.2/16"
    assert "br0" in node.host.links()
    node.call("CHECK", one).ok()
    node.call("DEL", one).ok()
    assert node.addresses() == []


def test_a_failure_is_told_to_the_runtime_the_log_and_the_pod_with_one_id(
    node: AgentNode, control_plane: ControlPlane, sandbox: MakeSandbox, kube_namespace: str
):
    one = sandbox("nothing-there")
    error = node.call("ADD", one).error()
    assert (error["code"], error["msg"]) == (
        7,
        f"there is no NetworkAttachmentDefinition {kube_namespace}/nothing-there",
    )
    request = error["details"].splitlines()[-1].removeprefix("request ")
    assert [line["request"] for line in node.lines() if line.get("event") == "verb failed"] == [request]
    told = until(lambda: kubeobjects.events(control_plane, kube_namespace), seconds=10)
    assert [(event["type"], event["reason"]) for event in told] == [("Warning", "FailedNetworks")]
    assert request in told[0]["message"]
    assert error["msg"] in told[0]["message"]


@pytest.mark.parametrize("type_", ["multinet", "multus", "multus-shim"])
def test_a_network_whose_plugin_is_the_meta_plugin_is_refused_before_it_calls_itself(
    make_node: MakeNode,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    tmp_path: Path,
    peers: Path,
    type_: str,
):
    """Though one of that name is among the host's plugins: it would wait for the sandbox that waits for it."""
    programs = shutil.copytree(peers, tmp_path / "bin")
    node = make_node(bin_dir=programs)
    shutil.copy(node.shim, programs / type_)
    kubeobjects.nad(control_plane, kube_namespace, "self", {"cniVersion": "1.0.0", "type": type_})
    node.start()
    one = sandbox("self")
    error = node.call("ADD", one).error()
    assert (error["code"], error["msg"]) == (
        7,
        f"{kube_namespace}/self[{type_}]: {type_} is a meta plugin, which calls the plugins of networks and is "
        "none itself",
    )
    assert (node.records(), node.addresses()) == ([], [])
    node.call("DEL", one).ok()


def test_addresses_that_are_being_tested_keep_no_other_pod_waiting(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
):
    """A second or two each (RFC 4862, duplicate address detection), and one ADD works at a time."""
    conf = {"cniVersion": "1.1.0", "type": "macvlan", "master": "br0", "ipam": node.host_local("fd00:5::/64")}
    kubeobjects.nad(control_plane, kube_namespace, "six", conf)
    node.call("ADD", sandbox()).ok()  # makes br0
    sandboxes = [sandbox("six") for _ in range(9)]
    for said in node.at_once("ADD", sandboxes):
        said.ok()
    turns = [line["phases"]["turn"] for line in node.lines() if line.get("verb") == "ADD"]
    assert (len(turns), max(turns) < 1000) == (10, True), turns
    for said in node.at_once("DEL", sandboxes):
        said.ok()
