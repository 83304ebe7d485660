"""The node's files, its API server and its pods, when they are not as they should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from multinet.cli import clusters
from multinet.cli.checks import api
from tests.cli.settings_of_a_node import run
from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.failures.told import Ear
from tests.support import kubeobjects
from tests.support import netns as namespaces
from tests.support.controlplane import ADMIN, AGENT, MERGE_PATCH, ControlPlane
from tests.support.netns import Netns
from tests.support.node import NETWORKS, AgentNode
from tests.support.proxy import Proxy
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

LAN = {"cniVersion": "1.0.0", "type": "bridge", "bridge": "br1"}


def node_events(plane: ControlPlane, words: str) -> list[str]:
    """Those on a node that have these words."""
    found = [one for one in kubeobjects.events(plane, "default") if one["involvedObject"]["kind"] == "Node"]
    return [f"{one['type']} {one['reason']}: {one['message']}" for one in found if words in one["message"]]


def test_03_a_del_that_fails_is_told_and_keeps_what_it_needs_until_it_is_done(
    node: AgentNode,
    programs: Path,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    ear: Ear,
) -> None:
    chain = {
        "cniVersion": "1.0.0",
        "plugins": [
            {"type": "bridge", "bridge": "br3", "ipam": node.host_local("10.3.0.0/24")},
            {"type": "stubborn"},
        ],
    }
    kubeobjects.nad(control_plane, kube_namespace, "lan", chain)
    one = sandbox("lan")
    ear.words[one.pod["metadata"]["name"]] = "POD"
    node.call("ADD", one).ok()

    again = "what is left stays on record: the runtime's next DEL tries again, and so does the agent"
    assert ear.runtime(node.call("DEL", one)) == {
        "code": 100,
        "msg": "shop/lan[stubborn]: the controller of the fabric does not answer",
        "details": f"{again}\nrequest ID",
    }
    assert sorted(ear.events(one, most=2)) == [
        "Normal AddedInterface: Add eth0 [10.244.0.2/16] from cluster, net1 [] from shop/lan [ID]",
        f"Warning FailedNetworks: shop/lan[stubborn]: the controller of the fabric does not answer ({again}) [ID]",
    ]
    assert (len(node.records()), node.addresses()) == (1, ["lan/10.3.0.2"])
    namespaces.remove(Netns(name=Path(one.netns).name))
    assert ear.doctor("journal") == [
        "warning journal: 1 sandboxes (shop/POD) ended, and their DEL has not come; the agent clears them, every 300 "
        "s -> python -m multinet.daemon --config NODE/config.yaml"
    ]

    (programs / "stubborn.mended").touch()
    node.call("DEL", one).ok()
    assert (node.records(), node.addresses()) == ([], [])


def test_04_an_empty_configuration_of_the_cluster_network_is_named_and_nothing_is_copied_from_it(
    make_node: MakeNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
) -> None:
    node = make_node()
    file = node.conf_dir / "10-cluster.conflist"
    whole = file.read_text()
    file.write_text("")
    node.start(ready=False)
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    until(
        lambda: "primary" in node.probe("readyz")[1] and "cluster:" not in node.probe("readyz")[1], seconds=20
    )
    one = sandbox()

    says = "NODE/net.d/10-cluster.conflist: error parsing configuration list: unexpected end of JSON input: there is "
    says += "nothing in it"
    mend = "look at the pods of the cluster's own network on this node"
    assert ear.runtime(node.call("STATUS")) == {"code": 50, "msg": says, "details": f"{mend}\nrequest ID"}
    assert ear.runtime(node.call("ADD", one)) == {"code": 11, "msg": says, "details": f"{mend}\nrequest ID"}
    assert ear.plain(node.probe("readyz")[1]) == f"primary network: {says}\n"
    assert ear.doctor("primary network", "chain") == [
        "wrong chain: NODE/net.d/00-multinet.conflist is not there: the runtime does not call multinet. The agent "
        "writes it once it can serve -> python -m multinet.daemon --config NODE/config.yaml",
        f"wrong primary network: {says} ({mend}) -> kubectl get pods -A -o wide --field-selector "
        "spec.nodeName=node-1",
    ]
    assert not node.conflist.exists()
    told = until(lambda: node_events(control_plane, str(node.conf_dir)), seconds=10)
    assert [ear.plain(text) for text in told] == [f"Warning PrimaryNetwork: {says} ({mend})"]

    file.write_text(whole)
    node.wait_ready()
    file.write_text(whole[:40])
    until(lambda: node.metric("multinet_primary_problem") == 1, seconds=10)
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[Proxy]:
    """On the way to the API server."""
    with Proxy(int(control_plane.server.rpartition(":")[2])) as proxy:
        yield proxy


def test_07_without_the_api_server_plain_pods_start_and_the_one_that_needs_it_is_told_so(
    make_node: MakeNode,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = make_node()
    config = json.loads(control_plane.kubeconfig(AGENT).read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
    (node.folder / "kubeconfig").write_text(json.dumps(config))
    node.write_settings(agent={"kubeconfig": str(node.folder / "kubeconfig"), "requestSeconds": 6})
    kubeobjects.nad(control_plane, kube_namespace, "lan", LAN)
    node.start()
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    ear.words[f"127.0.0.1:{proxy.port}"] = "SERVER"
    plain, known, unknown = sandbox(), sandbox("lan"), sandbox("never-seen")
    proxy.refuse()
    for module in (api, clusters):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)

    node.call("ADD", plain).ok()
    node.call("ADD", known).ok()
    gone = "the API server https://SERVER did not answer to get"
    assert ear.runtime(node.call("ADD", unknown)) == {
        "code": 11,
        "msg": "the NetworkAttachmentDefinition shop/never-seen was not seen before, and the API server can't be "
        f"asked for it: {gone} network-attachment-definitions shop/never-seen: Connection refused",
        "details": "the runtime will try again\nrequest ID",
    }
    assert ear.doctor("API") == [
        f"wrong API: {gone} /version: Connection refused -> kubectl --kubeconfig NODE/kubeconfig get --raw /readyz"
    ]
    ear.words[unknown.pod["metadata"]["name"]] = "POD"
    assert ear.explain(unknown) == [
        f"multinet: {gone} pods shop/POD: Connection refused (see whether it runs, and is to be reached from here: "
        "kubectl get --raw /readyz)"
    ]
    for said in [node.call("DEL", one) for one in (plain, known)]:
        said.ok()
    proxy.open()


def test_14_a_file_that_another_agent_renames_is_put_back_and_the_culprit_is_named(
    make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str
) -> None:
    node = make_node().start()
    ear = Ear(node=node, plane=control_plane, namespace=kube_namespace)
    whole = node.conflist.read_bytes()
    node.conflist.rename(node.conflist.with_name(f"{node.conflist.name}.cilium_bak"))

    until(lambda: node.conflist.exists() and node.conflist.read_bytes() == whole, seconds=20)
    told = until(lambda: node_events(control_plane, str(node.conf_dir)), seconds=10)
    assert [ear.plain(text) for text in told] == [
        "Warning PrimaryNetwork: NODE/net.d/00-multinet.conflist was renamed to 00-multinet.conflist.cilium_bak by "
        "Cilium, which wants to be the only one (set cni.exclusive=false in Cilium's Helm values, or cni-exclusive: "
        '"false" in its ConfigMap)'
    ]
    assert node.metric("multinet_conflist_lost_total") == 1
    assert ear.doctor("chain") == []


def test_16_a_pod_whose_annotation_was_changed_since_is_found_with_the_way_to_its_networks(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str, ear: Ear
) -> None:
    """Networks are given when a pod is made, and stay as they are until it ends."""
    kubeobjects.nad(control_plane, kube_namespace, "lan", {**LAN, "ipam": node.host_local("10.16.0.0/24")})
    one = sandbox("lan")
    name = one.pod["metadata"]["name"]
    node.call("ADD", one).ok()
    path = f"/api/v1/namespaces/{kube_namespace}/pods/{name}"
    control_plane.ask("PATCH", f"{path}/status", {"status": {"phase": "Running"}}, content_type=MERGE_PATCH)
    assert of_cluster(control_plane, name) == []

    kubeobjects.annotate(control_plane, kube_namespace, name, {NETWORKS: "lan, lan@more"})
    ear.words[name] = "POD"
    assert [ear.plain(text) for text in of_cluster(control_plane, name)] == [
        "warning shop/POD on node-1 runs without shop/lan, which its annotation names by now: networks are given "
        "when a pod is made -> kubectl -n shop delete pod POD"
    ]
    inside = Netns(name=Path(one.netns).name)
    assert sorted(inside.links()) == ["eth0", "net1"]
    node.call("DEL", one).ok()


def of_cluster(plane: ControlPlane, pod: str) -> list[str]:
    """What doctor finds about a pod, asked of the whole cluster."""
    done = run("doctor", "--kubeconfig", str(plane.kubeconfig(ADMIN)), "-o", "json", fails=None)
    found = [
        one for one in json.loads(done.stdout) if one["check"] == "pods" and f"/{pod} " in one["message"]
    ]
    return [f"{one['state']} {one['message']} -> {one['command']}" for one in found]
