"""A pod whose root may do anything in its own namespace: it spoils its networks, and DEL clears the host."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.wait import until
from tests.verbs.node import Node, host_local

pytestmark = pytest.mark.kernel

NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "bridged": {"type": "bridge", "bridge": "br1", "ipMasq": True, "ipMasqBackend": "nftables"},
    "routed": {"type": "ptp"},
    "over": {"type": "macvlan", "master": "up0"},
}

DEEDS: Mapping[str, str] = {
    "renames its interfaces": "ip link set net1 down; ip link set net1 name mine; ip link set net3 name net9",
    "exchanges their names": "ip link set net1 name x; ip link set net2 name net1; ip link set x name net2",
    "deletes one and makes another of its name": "ip link delete net1; ip link add net1 type veth peer name net7",
    "deletes all": "ip link delete eth0; ip link delete net1; ip link delete net2; ip link delete net3",
    "puts them into other groups": "for i in eth0 net1 net2 net3; do ip link set $i group 77; done",
    "puts all it can make into their group": "ip link add a type veth peer name b; "
    'ip link set a group $(ip -j -d link show net1 | sed -n \'s/.*"group":"\\([0-9]*\\)".*/\\1/p\')',
    "takes the host's addresses": "ip addr flush dev net1; ip addr add 10.80.0.1/24 dev net1; "
    "ip addr add 10.81.0.1/24 dev net1",
    "takes a thousand addresses": "for i in $(seq 1 4); do for j in $(seq 1 250); do "
    "echo addr add 10.$i.$j.1/32 dev net2; done; done | ip -batch -",
    "changes their MACs": "ip link set net3 address 02:00:00:00:00:01; ip link set net1 address 02:00:00:00:00:02",
    "gives them other names beside and an alias": "ip link property add dev net1 altname eth9; "
    "ip link set net1 alias host",
    "sends them to a namespace of its own": "unshare -n sleep 60 & sleep 0.3; ip link set net1 netns $!; "
    "ip link set net3 netns $!; kill $!",
    "tears down what it can": "ip link set lo down; ip route flush table all; ip rule flush; ip neigh flush all",
    "shuts itself in": "nft add table inet x; nft add chain inet x o '{ type filter hook output priority 0 ; "
    "policy drop ; }'",
}
"""What it does, as commands of its own root."""


@pytest.fixture
def node(node: Node, host: Netns) -> Node:
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    host.ip("link", "set", "up0", "up")
    for number, (name, conf) in enumerate(NETWORKS.items()):
        node.define(name, **conf, ipam=host_local(f"10.8{number + 1}.0.0/24"))
    node.pod("cart", ",".join(NETWORKS))
    return node


def nothing_is_left(node: Node, host: Netns) -> None:
    assert reserved(node.folder / "addresses") == []
    # The other end of a link that went along with a namespace goes when the kernel has come to that.
    until(lambda: set(host.links()) <= {"br0", "br1", "up0", "up1"})
    assert list((node.folder / "state" / "sandboxes").iterdir()) == []
    assert "10.81.0" not in host.run("nft", "list", "ruleset").stdout


@pytest.mark.parametrize("deed", DEEDS)
def test_whatever_a_pod_does_to_its_networks_it_ends_and_leaves_nothing(
    node: Node, host: Netns, pod: Netns, deed: str
) -> None:
    node.add(pod)
    done = pod.run("sh", "-c", DEEDS[deed], check=False)
    assert "not found" not in done.stderr

    code, said = node.ask("CHECK", pod)
    assert code in (0, 1), said
    code, said = node.ask("DEL", pod)

    assert (code, said) == (0, b"")
    nothing_is_left(node, host)


def test_a_pod_that_spoils_its_networks_while_they_are_made_gets_all_or_none(
    node: Node, host: Netns, pod: Netns
) -> None:
    stop, codes = threading.Event(), []

    def spoil() -> None:
        while not stop.is_set():
            for deed in ("ip link delete net1", "ip link set net2 name mine", "ip link set net3 down"):
                pod.run(*deed.split(), check=False)

    spoiler = threading.Thread(target=spoil)
    spoiler.start()
    try:
        for number in range(10):
            code, said = node.ask("ADD", pod, container=f"c{number}")
            codes.append(code)
            if code:
                assert not json.loads(said)["msg"].startswith("internal error")
            assert node.ask("DEL", pod, container=f"c{number}") == (0, b"")
    finally:
        stop.set()
        spoiler.join()

    assert codes
    pod.run("ip", "link", "delete", "mine", check=False)
    nothing_is_left(node, host)


def test_what_is_kept_of_pods_is_roots_alone(node: Node, pod: Netns) -> None:
    """Configurations may hold what others must not read, and a folder of others' could hold links of theirs."""
    node.add(pod)
    kept = [node.folder / "state", *(node.folder / "state").rglob("*")]
    assert len(kept) > 4
    assert {str(path): oct(path.stat().st_mode) for path in kept if path.stat().st_mode & 0o077} == {}
    assert node.ask("DEL", pod) == (0, b"")
