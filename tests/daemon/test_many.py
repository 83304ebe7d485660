"""Many pods at once: everyone gets all of its networks, nobody gets another's, and nothing stays."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode
from tests.daemon.crowd import Crowd, gather, namespaces
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.footprint import Footprint, settled
from tests.support.node import AgentNode

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

WORKERS = 32
SOCKETS_BESIDE = 8
"""The two that are listened on, the watches, the events' connection, the agent's own netlink sockets."""
FORWARDING = "/proc/sys/net/ipv/ip_forward"
"""As ``Footprint`` writes it, without digits."""
SAMPLE = 16
"""How many of a crowd are looked at one by one."""


@pytest.fixture
def node(make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str) -> AgentNode:
    """Its pods have the cluster network, a second bridge, and a macvlan over the first one."""
    node = make_node(settings={"statusForAllPods": True})
    net_a = {"type": "bridge", "bridge": "br1", "ipam": node.host_local("10.8.0.0/16")}
    net_b = {"type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/16")}
    for name, conf in (("net-a", net_a), ("net-b", net_b)):
        kubeobjects.nad(control_plane, kube_namespace, name, {"cniVersion": "1.1.0", **conf})
    return node.start()


@pytest.mark.parametrize("count", [16, 64, pytest.param(250, marks=pytest.mark.long)])
def test_every_pod_of_a_crowd_gets_its_networks_and_leaves_nothing(
    node: AgentNode, control_plane: ControlPlane, kube_namespace: str, count: int
):
    with namespaces("crowd", count) as paths:
        crowd = gather(node, control_plane, kube_namespace, paths, "net-a,net-b")
        before = come_and_go(crowd)
        after = come_and_go(crowd)
    assert after.threads == before.threads
    # A worker keeps its own namespace, the host's with its socket, and a connection to the API server if it needed
    # one, and the switch of forwarding: how many do depends on how many were busy at once. Of all else there is as
    # much as before.
    most = {"namespace": 2 * WORKERS, "socket:[]": 2 * WORKERS + SOCKETS_BESIDE, FORWARDING: WORKERS}
    assert {kind: number for kind, number in after.files.items() if kind not in most} == {
        kind: number for kind, number in before.files.items() if kind not in most
    }
    assert {kind for kind, number in most.items() if after.files[kind] > number} == set()


def come_and_go(crowd: Crowd) -> Footprint:
    """All pods come, are looked at and go. What the agent holds afterwards."""
    node = crowd.node
    for said in crowd.all("ADD"):
        said.ok()
    check_addresses(crowd)
    for one in crowd.sandboxes[:: max(1, len(crowd.sandboxes) // SAMPLE)]:
        node.call("CHECK", one).ok()
    for said in crowd.all("DEL"):
        said.ok()
    assert (node.records(), node.addresses()) == ([], [])
    assert sorted(node.host.links()) == ["br0", "br1"]
    assert files_below(node.folder / "devinfo") == []
    assert node.process is not None
    return settled(node.process.pid, node.host.path)


def check_addresses(crowd: Crowd) -> None:
    """Each has three networks, no address is two pods', and what the API server knows is what IPAM gave."""
    node, count = crowd.node, len(crowd.sandboxes)
    told = crowd.statuses()
    given = Counter(address for entries in told.values() for _, _, ips in entries for address in ips)
    assert max(given.values()) == 1
    assert {
        tuple((name.rpartition("/")[2], ifname) for name, ifname, _ in entries) for entries in told.values()
    } == {(("cluster", "eth0"), ("net-a", "net1"), ("net-b", "net2"))}
    assert sorted(given) == sorted(reserved.rpartition("/")[2] for reserved in node.addresses())
    assert len(given) == 3 * count
    assert len(node.records()) == count
    for one in crowd.sandboxes:
        record = json.loads((node.state / "sandboxes" / f"{one.id}@eth0.json").read_bytes())
        addresses = [
            ip["address"].partition("/")[0] for made in record["attachments"] for ip in made["result"]["ips"]
        ]
        assert addresses == [address for _, _, ips in told[one.pod["metadata"]["name"]] for address in ips]


def files_below(folder: Path) -> list[str]:
    return sorted(str(file) for file in folder.rglob("*") if file.is_file())
