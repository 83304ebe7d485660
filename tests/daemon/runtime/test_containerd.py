"""The real containerd executes the shim as the node's CNI plugin, and hands the pods' annotations over to it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import MakeNode
from tests.daemon.runtime.conftest import MakePod, MakeRuntime, script
from tests.support import kubeobjects
from tests.support.containerd import Containerd
from tests.support.controlplane import ControlPlane
from tests.support.cri import CriError
from tests.support.netns import Netns
from tests.support.node import ANNOTATIONS, NETWORKS, STATUS, AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

SOURCE = "kubernetes.io/config.source"
"""Where the kubelet knows a pod from; it adds that for the runtime."""

NOTE = """\
#!{python}
import json, os, sys

said = sys.stdin.read()
with open("{notes}/" + os.environ["CNI_COMMAND"], "w") as note:
    note.write(said)
if os.environ["CNI_COMMAND"] == "ADD":
    print(json.dumps(json.loads(said)["prevResult"]))
"""
"""A plugin that keeps what it is told, and changes nothing."""

SERVER = """\
import socket

with socket.create_server(("", 80)) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    connection.sendall(b"hello from the pod")
    connection.close()
"""
CLIENT = """\
import socket, sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as connection:
    print(connection.recv(100).decode())
"""


def said(calls: Path, verb: str) -> list[dict[str, Any]]:
    """The configurations that came with this verb, the oldest first."""
    files = sorted(calls.glob(f"{verb}.*"), key=lambda file: file.stat().st_mtime_ns)
    return [json.loads(file.read_text()) for file in files]


def status(plane: ControlPlane, pod: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Name, interface and addresses of each entry of the pod's network-status."""
    metadata = pod["metadata"]
    now = kubeobjects.get_pod(plane, metadata["namespace"], metadata["name"])["metadata"]
    told = json.loads(now.get("annotations", {}).get(STATUS, "[]"))
    return [(one["name"], one["interface"], one["ips"]) for one in told]


def greeting(server: Netns, client: Netns, address: str, port: int) -> str:
    """What a server on port 80 in the one namespace says to who asks in the other."""
    command = server.command(sys.executable, "-c", SERVER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return client.run(sys.executable, "-c", CLIENT, address, str(port)).stdout
        finally:
            process.kill()


def refusal(runtime: Containerd, pod: Mapping[str, Any]) -> str:
    """What we say, through the runtime, of a pod that can't be made."""
    with pytest.raises(CriError) as caught:
        runtime.run(pod)
    told = re.fullmatch(
        r'failed to setup network for sandbox "[0-9a-f]{64}": plugin type="multinet" failed \(add\): (.*)',
        str(caught.value),
        re.DOTALL,
    )
    assert told, str(caught.value)
    return told[1]


def assert_clean(node: AgentNode) -> None:
    assert (node.records(), node.addresses()) == ([], [])
    assert node.host.links() == ["br0"]


@pytest.mark.usefixtures("networks")
def test_a_pods_annotations_come_with_the_request_and_nobody_reads_the_pod(
    runtime: Containerd,
    node: AgentNode,
    control_plane: ControlPlane,
    pod: MakePod,
    kube_namespace: str,
    calls: Path,
):
    elsewhere = pod("net-a,net-b", node="node-2")  # and so it is in no cache of this node
    before = len(control_plane.requests())

    one = runtime.run(elsewhere)

    assert runtime.address(one) == "10.244.0.2"
    namespace = runtime.netns(one)
    assert namespace.links() == ["eth0", "net1", "net2"]
    assert [namespace.addresses(name) for name in namespace.links()] == [
        ["10.244.0.2/16"],
        ["10.9.1.2/24"],
        ["10.9.2.2/24"],
    ]
    assert status(control_plane, elsewhere) == [
        ("cluster", "eth0", ["10.244.0.2"]),
        (f"{kube_namespace}/net-a", "net1", ["10.9.1.2"]),
        (f"{kube_namespace}/net-b", "net2", ["10.9.2.2"]),
    ]

    runtime.cri.stop(one)
    runtime.cri.remove(one)
    assert_clean(node)

    asked = [one for one in control_plane.requests()[before:] if one.resource != "events"]
    assert [(one.verb, one.resource) for one in asked] == [("patch", "pods/status")]
    handed = {SOURCE: "api", NETWORKS: "net-a,net-b"}
    assert [conf["runtimeConfig"][ANNOTATIONS] for conf in said(calls, "ADD")] == [handed]
    dels = said(calls, "DEL")
    assert dels
    assert [conf["runtimeConfig"][ANNOTATIONS] for conf in dels] == [handed] * len(dels)


@pytest.mark.usefixtures("networks")
def test_a_static_pod_has_the_kubelets_uid_and_its_mirror_is_told(
    runtime: Containerd, node: AgentNode, control_plane: ControlPlane, pod: MakePod, kube_namespace: str
):
    mirror = pod("net-a")
    static = {**mirror["metadata"], "uid": "8d2f16a3b3e0f6a97c2b5a4e0f1d3c77"}

    one = runtime.run(
        {"metadata": {**static, "annotations": {**mirror["metadata"]["annotations"], SOURCE: "file"}}}
    )

    assert runtime.netns(one).links() == ["eth0", "net1"]
    assert [name for name, _, _ in status(control_plane, mirror)] == ["cluster", f"{kube_namespace}/net-a"]
    runtime.cri.stop(one)
    runtime.cri.remove(one)
    assert_clean(node)


@pytest.mark.usefixtures("networks")
def test_a_pod_is_taken_down_while_there_is_no_api_server(
    runtime: Containerd, node: AgentNode, plane: ControlPlane, pod: MakePod
):
    one = runtime.run(pod("net-a,net-b"))
    namespace = runtime.netns(one)
    assert len(node.addresses()) == 3
    plane.stop_apiserver(signal.SIGKILL)

    runtime.cri.stop(one)
    assert not Path(namespace.path).exists()
    assert_clean(node)
    runtime.cri.stop(one)
    runtime.cri.remove(one)
    assert_clean(node)


def test_the_runtimes_network_is_ready_once_the_agent_can_serve(
    make_node: MakeNode, make_runtime: MakeRuntime, bin_dir: Path, tmp_path: Path, pod: MakePod
):
    elsewhere = tmp_path / "primary"
    elsewhere.mkdir()
    node = make_node(bin_dir=bin_dir, agent={"primaryDir": str(elsewhere)})
    primary = node.conf_dir / "10-cluster.conflist"
    conf = primary.read_text()
    primary.unlink()
    runtime = make_runtime(node)
    not_ready = (
        False,
        "Network plugin returns error: cni plugin not initialized",
    )
    assert runtime.cri.condition("NetworkReady") == not_ready

    node.start(ready=False)
    until(lambda: node.probe("readyz")[0] == 503, seconds=30, what="the agent to say that it is not ready")
    assert runtime.cri.condition("NetworkReady") == not_ready
    assert not node.conflist.exists()

    (elsewhere / primary.name).write_text(conf)
    node.wait_ready()
    until(lambda: runtime.cri.condition("NetworkReady") == (True, ""), what="NetworkReady")
    assert runtime.network() == "multinet"
    one = runtime.run(pod())
    assert runtime.address(one) == "10.244.0.2"
    runtime.cri.stop(one)
    assert_clean(node)


@pytest.mark.usefixtures("networks")
def test_a_pod_that_was_made_anew_meanwhile_is_not_taken_for_the_old_one(
    runtime: Containerd, node: AgentNode, control_plane: ControlPlane, pod: MakePod, kube_namespace: str
):
    old = pod("net-a")
    name, uid = old["metadata"]["name"], old["metadata"]["uid"]
    kubeobjects.delete_pod(control_plane, kube_namespace, name)
    new = kubeobjects.pod(control_plane, kube_namespace, name)

    assert refusal(runtime, old).startswith(
        f"could not write the network-status of {kube_namespace}/{name}: the pod of that name is another by now "
        f"and does not have the UID {uid}; "
    )
    assert status(control_plane, new) == []
    assert_clean(node)


@pytest.mark.usefixtures("networks")
def test_an_agent_that_is_restarted_meanwhile_fails_no_pod_and_keeps_those_that_run(
    runtime: Containerd, node: AgentNode, pod: MakePod, calls: Path
):
    standing = runtime.run(pod("net-a"))
    early, late = ([pod("net-a,net-b") for _ in range(number)] for number in (3, 2))
    with ThreadPoolExecutor(max_workers=5) as kubelet:
        begun = [kubelet.submit(runtime.run, one) for one in early]
        until(
            lambda: len(list(calls.glob("ADD.*"))) > 1, seconds=20, what="the first of them to be asked for"
        )
        assert node.stop() == 0
        begun += [kubelet.submit(runtime.run, one) for one in late]
        until(lambda: len(list(calls.glob("ADD.*"))) == 6, seconds=20, what="all of them to be asked for")
        node.start()
        made = [one.result(60) for one in begun]

    assert len({runtime.address(one) for one in (standing, *made)}) == 6
    assert runtime.netns(standing).links() == ["eth0", "net1"]
    for one in made:
        assert runtime.netns(one).links() == ["eth0", "net1", "net2"]
    assert len(node.addresses()) == 2 + 3 * 5
    for one in (standing, *made):
        runtime.cri.stop(one)
        runtime.cri.remove(one)
    assert_clean(node)


def test_the_runtime_is_told_why_a_pod_can_not_be_made_and_the_id_to_look_for(
    runtime: Containerd, node: AgentNode, pod: MakePod, kube_namespace: str
):
    told = refusal(runtime, pod("nothing-there"))

    sentence, _, details = told.partition("; ")
    assert sentence == f"there is no NetworkAttachmentDefinition {kube_namespace}/nothing-there"
    request = details.splitlines()[-1].removeprefix("request ")
    assert [line["request"] for line in node.lines() if line.get("event") == "verb failed"] == [request]
    assert (node.records(), node.addresses(), node.host.links()) == ([], [], [])


def test_what_the_runtime_knows_of_a_pod_reaches_the_primary_networks_plugins(
    node: AgentNode, make_runtime: MakeRuntime, bin_dir: Path, tmp_path: Path, pod: MakePod
):
    script(bin_dir / "note", NOTE.format(python=sys.executable, notes=tmp_path))
    primary = node.conf_dir / "10-cluster.conflist"
    conf = json.loads(primary.read_text())
    conf["plugins"] += [
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": "note", "capabilities": {"portMappings": True, "bandwidth": True, "dns": True}},
    ]
    primary.write_text(json.dumps(conf))
    node.write_settings(executables=["portmap"])
    node.start()
    runtime = make_runtime(node)
    runtime.wait_network("multinet")
    asks = pod(annotations={"kubernetes.io/ingress-bandwidth": "8M"})

    one = runtime.run(
        asks,
        port_mappings=[{"container_port": 80, "host_port": 8080}],
        dns_config={"servers": ["10.96.0.10"], "searches": ["svc.cluster.local"], "options": ["ndots:5"]},
    )

    told = json.loads((tmp_path / "ADD").read_text())
    assert told["runtimeConfig"] == {
        "portMappings": [{"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}],
        "bandwidth": {"IngressRate": 8000000, "IngressBurst": 4294967295, "EgressRate": 0, "EgressBurst": 0},
        "dns": {"Servers": ["10.96.0.10"], "Searches": ["svc.cluster.local"], "Options": ["ndots:5"]},
    }  # with the names as this containerd writes them; Go reads names in any case
    assert greeting(runtime.netns(one), node.host, "10.244.0.1", 8080) == "hello from the pod\n"
    runtime.cri.stop(one)
    assert json.loads((tmp_path / "DEL").read_text())["runtimeConfig"] == told["runtimeConfig"]
    assert "8080" not in node.host.run("nft", "list", "ruleset").stdout
    assert_clean(node)


def test_a_pod_from_before_multinet_is_taken_down_by_it(
    node: AgentNode, make_runtime: MakeRuntime, pod: MakePod, calls: Path
):
    runtime = make_runtime(node)
    runtime.wait_network("cluster")
    older = runtime.run(pod())
    assert (runtime.address(older), node.records()) == ("10.244.0.2", [])
    assert node.addresses() == ["cluster/10.244.0.2"]

    node.start()
    runtime.wait_network("multinet")
    newer = runtime.run(pod())
    assert runtime.address(newer) == "10.244.0.3"
    assert len(node.records()) == 1

    assert said(calls, "DEL") == []
    runtime.cri.stop(older)
    assert [conf["name"] for conf in said(calls, "DEL")] == ["multinet"]
    assert node.addresses() == ["cluster/10.244.0.3"]
    assert runtime.netns(newer).links() == ["eth0"]
    runtime.cri.remove(older)
    runtime.cri.stop(newer)
    runtime.cri.remove(newer)
    assert_clean(node)


def test_the_runtimes_own_loopback_is_served_where_the_shim_has_that_name(
    node: AgentNode, make_runtime: MakeRuntime, bin_dir: Path, shim: Path, pod: MakePod
):
    (bin_dir / "loopback").unlink()
    (bin_dir / "loopback").symlink_to(shim)
    node.start()
    runtime = make_runtime(node)
    runtime.wait_network("multinet")

    one = runtime.run(pod())

    assert runtime.netns(one).addresses("lo") == ["127.0.0.1/8", "::1/128"]
    runtime.cri.stop(one)
    assert_clean(node)
    served = [(line["verb"], line["delegate"]) for line in node.lines() if "delegate" in line]
    assert served == [("ADD", "loopback"), ("DEL", "loopback")]
