"""The API server away, slow, back: what goes on without it, and what is made good afterwards."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest

from multinet.daemon.app import PARTS_SECONDS
from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane
from tests.support.node import NETWORKS, STATUS, AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

NET_A = {"cniVersion": "1.1.0", "type": "bridge", "bridge": "br1"}


@pytest.fixture
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """For a test that stops its API server: the next test finds it running."""
    yield control_plane
    if not control_plane.running:
        control_plane.start_apiserver()


@pytest.fixture
def net_a(plane: ControlPlane, kube_namespace: str) -> None:
    kubeobjects.nad(plane, kube_namespace, "net-a", NET_A)


def status_of(plane: ControlPlane, one: Sandbox) -> list[str]:
    """The networks that the pod's network-status names."""
    metadata = one.pod["metadata"]
    pod = kubeobjects.get_pod(plane, metadata["namespace"], metadata["name"])
    text = pod["metadata"].get("annotations", {}).get(STATUS, "[]")
    return [entry["name"] for entry in json.loads(text)]


@pytest.mark.usefixtures("net_a")
def test_pods_come_and_go_without_the_api_server_and_their_status_is_told_when_it_is_back(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox, kube_namespace: str
):
    node = make_node().start()
    plain, wanting, standing, unknown = sandbox(), sandbox("net-a"), sandbox("net-a"), sandbox("never-seen")
    node.call("ADD", standing).ok()
    plane.stop_apiserver(signal.SIGKILL)

    node.call("ADD", plain).ok()
    node.call("CHECK", plain).ok()
    node.call("STATUS").ok()
    node.call("DEL", plain).ok()
    node.call("DEL", standing).ok()

    result = node.call("ADD", wanting).ok()
    assert result["ips"]
    assert node.host.run("nsenter", f"--net={wanting.netns}", "ip", "-br", "link", "show", "net1").stdout

    error = node.call("ADD", unknown).error()
    assert error["code"] == 11
    assert error["msg"].startswith(
        f"the NetworkAttachmentDefinition {kube_namespace}/never-seen was not seen before, and the API server"
        " can't be asked for it: "
    )

    plane.start_apiserver()
    until(lambda: status_of(plane, wanting) == ["cluster", f"{kube_namespace}/net-a"], seconds=40)
    node.call("DEL", wanting).ok()
    until(lambda: not list((node.state / "late-status").glob("*.json")))
    assert (node.records(), node.addresses()) == ([], [])


@pytest.mark.usefixtures("net_a")
def test_what_one_agent_could_not_tell_the_next_one_tells(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox, kube_namespace: str
):
    node = make_node().start()
    one = sandbox("net-a")
    plane.stop_apiserver(signal.SIGKILL)
    node.call("ADD", one).ok()
    assert node.stop() == 0
    plane.start_apiserver()
    node.start()
    until(lambda: status_of(plane, one) == ["cluster", f"{kube_namespace}/net-a"], seconds=20)
    node.call("DEL", one).ok()


def test_an_agent_that_starts_without_the_api_server_serves_plain_pods_and_del(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox
):
    node = make_node().start()
    before, after = sandbox(), sandbox()
    node.call("ADD", before).ok()
    assert node.stop() == 0
    plane.stop_apiserver(signal.SIGKILL)
    node.start(ready=False)
    until(node.socket.exists, seconds=20)
    node.call("DEL", before).ok()
    node.call("ADD", after).ok()
    node.call("DEL", after).ok()
    error = node.call("STATUS").error()
    assert (error["code"], error["msg"]) == (50, "the cluster's pods and definitions are not known yet")
    why = "cluster: the cluster's pods and definitions are not known yet: the API server https://"
    until(lambda: node.probe("readyz")[1].startswith(why))
    assert node.probe("readyz")[0] == 503
    plane.start_apiserver()
    node.wait_ready()
    node.call("STATUS").ok()


@pytest.mark.usefixtures("net_a")
def test_a_server_that_does_not_answer_holds_up_a_pod_no_longer_than_it_may(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox
):
    node = make_node().start()
    one = sandbox("net-a")
    plane.freeze_apiserver()
    try:
        node.call("ADD", one).ok()
        line = node.lines()[-1]
        assert (line["verb"], line["status_told"]) == ("ADD", "later")
        assert line["phases"]["publish"] < 10_000
    finally:
        plane.thaw_apiserver()
    until(lambda: len(status_of(plane, one)) == 2, seconds=40)
    node.call("DEL", one).ok()


@pytest.mark.usefixtures("net_a")
def test_a_server_that_does_not_answer_holds_up_no_other_pod(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox
):
    node = make_node().start()
    waiting, others = [sandbox("net-a") for _ in range(3)], [sandbox() for _ in range(3)]
    plane.freeze_apiserver()
    try:
        calls = [node.begin("ADD", one) for one in waiting]
        until(lambda: len(node.records()) == len(waiting), what="all of them to be in work")
        for said in node.at_once("ADD", others):
            said.ok()
        assert [call.poll() for call in calls] == [None] * len(calls)
        turns = [line["phases"]["turn"] for line in node.lines() if line.get("verb") == "ADD"]
        assert (len(turns), max(turns) < 1000) == (len(others), True), turns
        for call in calls:
            node.end(call).ok()
    finally:
        plane.thaw_apiserver()
    for said in node.at_once("DEL", [*waiting, *others]):
        said.ok()


@pytest.mark.usefixtures("net_a")
def test_a_server_that_does_not_answer_holds_up_the_agents_end_no_longer_than_its_pod_has(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox
):
    """Two watches, a late status and an event wait for it: all at once, and not one after the other."""
    node = make_node().start()
    one = sandbox("net-a")
    plane.freeze_apiserver()
    try:
        node.call("ADD", one).ok()
        began = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - began < PARTS_SECONDS + 2
    finally:
        plane.thaw_apiserver()
    node.start()
    until(lambda: len(status_of(plane, one)) == 2, seconds=40)
    node.call("DEL", one).ok()


@pytest.mark.usefixtures("net_a")
def test_a_pod_made_anew_under_its_name_gets_the_status_of_its_own_networks(
    node: AgentNode, plane: ControlPlane, sandbox: MakeSandbox, kube_namespace: str
):
    old = sandbox("net-a")
    name = old.pod["metadata"]["name"]
    kubeobjects.delete_pod(plane, kube_namespace, name)
    new = kubeobjects.pod(plane, kube_namespace, name, {NETWORKS: "net-a"})
    error = node.call("ADD", old).error()
    assert error["code"] == 11
    assert old.pod["metadata"]["uid"] in error["msg"]
    again = Sandbox(id=f"{old.id}-again", netns=old.netns, pod=new)
    node.call("ADD", again).ok()
    assert len(status_of(plane, again)) == 2
    node.call("DEL", again).ok()
    assert (node.records(), node.addresses()) == ([], [])


@pytest.mark.usefixtures("net_a")
def test_a_token_that_is_renewed_is_used_from_its_file(
    make_node: MakeNode, plane: ControlPlane, sandbox: MakeSandbox
):
    node = make_node()
    token = node.folder / "token"
    token.write_text("not a token")
    config = json.loads(plane.kubeconfig(AGENT).read_text())
    config["users"][0]["user"] = {"tokenFile": str(token)}
    kubeconfig = node.folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    node.write_settings(agent={"kubeconfig": str(kubeconfig)})
    node.start(ready=False)
    until(lambda: node.probe("readyz")[0] == 503, seconds=20)
    token.write_text(plane.token(AGENT))
    node.wait_ready()
    one = sandbox("net-a")
    node.call("ADD", one).ok()
    assert len(status_of(plane, one)) == 2
    node.call("DEL", one).ok()
