"""flannel: the configuration it makes and keeps, and the decisions of its README.md. flanneld is a file here; the
real one is in tests/flannel."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from delegates.meta.flannel import subnet
from multinet.delegate.serve import Answer, serve
from multinet.errors import PluginFailed
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, Implementation, pings, reference, refusal, within
from tests.support.wait import until

pytestmark = pytest.mark.kernel

ENV = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.{node}.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ={masq}\n"
LOOK = "flanneld writes it when it runs and has a subnet for this node: see whether it does, and what it logs"


class Node:
    """A node's files: what flanneld wrote, and what is kept."""

    def __init__(self, folder: Path) -> None:
        self.env = folder / "run" / "subnet.env"
        self.kept = folder / "flannel"
        self.addresses = folder / "addresses"
        self.flanneld(node=1)

    def flanneld(self, node: int, masq: str = "true") -> None:
        self.env.parent.mkdir(exist_ok=True)
        self.env.write_text(ENV.format(node=node, masq=masq))

    def conf(self, name: str = "cbr0", **more: Any) -> dict[str, Any]:
        return {
            "cniVersion": "1.1.0",
            "name": name,
            "type": "flannel",
            "subnetFile": str(self.env),
            "dataDir": str(self.kept),
            "ipam": {"dataDir": str(self.addresses)},
            **more,
        }

    def left(self) -> tuple[list[str], list[str]]:
        """Configurations that are kept, addresses that are taken."""
        kept = sorted(file.name for file in self.kept.glob("*"))
        taken = sorted(file.name for file in self.addresses.glob("*/[0-9]*"))
        return kept, taken


@pytest.fixture
def node(state: Path) -> Node:
    return Node(state)


Attach = Callable[..., Attachment]


def test_pods_of_a_node_reach_one_another_with_flannels_mtu(
    attach: Attach, node: Node, pods: Callable[[int], list[Netns]], host: Netns
):
    one, other = (attach(pod, node.conf(), f"c{number}").add() for number, pod in enumerate(pods(2)))
    assert one.addresses + other.addresses == ["10.244.1.2/24", "10.244.1.3/24"]
    assert one.result["routes"] == [{"dst": "10.244.0.0/16"}]
    assert [link["mtu"] for link in one.pod.json("ip", "-j", "link", "show", "eth0")] == [1450]
    assert host.addresses("cni0") == ["10.244.1.1/24"]
    until(lambda: pings(one.pod, other.address), what="a ping from pod to pod")
    (route,) = one.pod.json("ip", "-j", "route", "show", "10.244.0.0/16")
    assert (route["gateway"], route["dev"]) == ("10.244.1.1", "eth0")
    one.check()
    for each in (one, other):
        each.delete()
    assert node.left() == ([], [])


def test_what_the_other_plugin_is_told_is_kept(attach: Attach, node: Node, pod: Netns):
    conf = node.conf(
        delegate={"bridge": "fl0", "hairpinMode": True, "mtu": 1300},
        ipam={"dataDir": str(node.addresses), "routes": [{"dst": "10.96.0.0/12"}]},
        capabilities={"mac": True},
        runtimeConfig={"mac": "02:00:00:00:00:07"},
    )
    attach(pod, conf).add()
    kept = node.kept / "c1"
    assert json.loads(kept.read_text()) == {
        "cniVersion": "1.1.0",
        "name": "cbr0",
        "type": "bridge",
        "bridge": "fl0",
        "hairpinMode": True,
        "isGateway": True,
        "ipMasq": False,
        "mtu": 1300,
        "ipam": {
            "type": "host-local",
            "dataDir": str(node.addresses),
            "ranges": [[{"subnet": "10.244.1.0/24"}]],
            "routes": [{"dst": "10.96.0.0/12"}, {"dst": "10.244.0.0/16"}],
        },
        "runtimeConfig": {"mac": "02:00:00:00:00:07"},
    }
    assert (kept.stat().st_mode & 0o777, node.kept.stat().st_mode & 0o777) == (0o600, 0o700)
    assert pod.json("ip", "-j", "link", "show", "eth0")[0]["address"] == "02:00:00:00:00:07"


def test_a_node_may_get_another_subnet_while_pods_run(
    attach: Attach, node: Node, pods: Callable[[int], list[Netns]]
):
    first, second = pods(2)
    conf = node.conf(delegate={"forceAddress": True})
    before = attach(first, conf, "before").add()
    node.flanneld(node=9)
    after = attach(second, conf, "after").add()
    assert (before.addresses, after.addresses) == (["10.244.1.2/24"], ["10.244.9.2/24"])
    before.check()
    node.env.unlink()
    for one in (before, after):
        one.delete()
    assert node.left() == ([], [])
    assert first.links() + second.links() == []


@pytest.mark.peer
@pytest.mark.parametrize("maker", ["the reference", "ours"])
def test_either_clears_up_what_the_other_made(
    attach: Attach, node: Node, pod: Netns, host: Netns, peers: Path, maker: str
):
    """A plugin that is replaced under running pods, there or back."""
    theirs = reference(peers)
    first, then = (theirs, OURS) if maker == "the reference" else (OURS, theirs)
    node.flanneld(node=1, masq="false")
    one = attach(pod, node.conf(cniVersion="0.4.0"), by=first).add()
    node.flanneld(node=2)
    one.but(by=then).check()
    one.but(by=then).delete()
    assert node.left() == ([], [])
    assert pod.links() == []
    assert host.links() == ["cni0"]
    assert "10.244" not in host.run("iptables-save").stdout


def test_a_pod_may_have_several_flannel_networks(attach: Attach, node: Node, pod: Netns):
    """Each is cleared by its own configuration; the first has the name that the reference looks for."""
    first = attach(pod, node.conf(), ifname="eth0").add()
    second = attach(pod, node.conf("blue", delegate={"bridge": "blue0"}), ifname="net1").add()
    assert node.left() == (["c1", "c1:blue"], ["10.244.1.2", "10.244.1.2"])
    first.delete()
    assert node.left() == (["c1:blue"], ["10.244.1.2"])
    second.check()
    second.delete()
    second.delete()
    assert node.left() == ([], [])
    assert pod.links() == []


def test_a_pod_may_be_on_one_flannel_network_twice(attach: Attach, node: Node, pod: Netns):
    first = attach(pod, node.conf(), ifname="eth0").add()
    second = attach(pod, node.conf(), ifname="net1").add()
    second.delete()
    assert node.left() == ([], ["10.244.1.2"])
    first.delete()
    assert node.left() == ([], [])
    assert pod.links() == []


@pytest.mark.parametrize(
    "left", [None, "", '{"name": "cb', '{"name": "cbr0"}'], ids=["lost", "empty", "half", "nobody's"]
)
@pytest.mark.parametrize("flanneld", ["up", "gone"])
def test_del_without_what_was_kept_goes_by_the_configuration(
    attach: Attach, node: Node, pod: Netns, left: str | None, flanneld: str
):
    one = attach(pod, node.conf()).add()
    kept = node.kept / "c1"
    kept.unlink()
    if left is not None:
        kept.write_text(left)
    if flanneld == "gone":
        node.env.unlink()
    one.delete()
    assert node.left() == ([], [])
    assert pod.links() == []


def test_check_has_the_other_plugin_look(attach: Attach, node: Node, pod: Netns):
    one = attach(pod, node.conf()).add()
    pod.ip("addr", "flush", "dev", "eth0")
    assert refusal(one.check).startswith("[bridge]: ")
    (node.kept / "c1").unlink()
    assert refusal(one.check) == f"there is no configuration of container c1 in {node.kept}"


def test_gc_collects_this_networks_dead(attach: Attach, node: Node, netns: Callable[..., Netns]):
    """Their addresses, the files that were kept for them; those of others stay."""
    mine = {name: attach(netns(name), node.conf(), name).add() for name in ("lives", "dead")}
    other = attach(netns("other"), node.conf("blue", delegate={"bridge": "blue0"}), "other").add()
    (node.kept / "by-hand").write_text("not JSON")
    mine["lives"].gc(("lives", "eth0"))
    assert node.left() == (["by-hand", "lives", "other"], ["10.244.1.2", "10.244.1.2"])
    node.env.unlink()
    mine["lives"].gc()
    assert node.left() == (["by-hand", "other"], ["10.244.1.2"])
    other.delete()


def test_status_tells_of_flanneld_and_of_the_other_plugin(attach: Attach, node: Node, pod: Netns):
    one = attach(pod, node.conf())
    assert one.call("STATUS", {}) == b""

    node.env.write_text("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/30\n")
    with pytest.raises(PluginFailed) as half:
        one.call("STATUS", {})
    assert (half.value.cni_code, half.value.message, half.value.details) == (
        50, f"{node.env} is missing FLANNEL_MTU, FLANNEL_IPMASQ", LOOK,
    )  # fmt: skip

    node.env.unlink()
    with pytest.raises(PluginFailed) as gone:
        one.call("STATUS", {})
    assert (gone.value.cni_code, gone.value.message, gone.value.details) == (
        50, f"flannel has given this node no subnet: there is no {node.env}", LOOK,
    )  # fmt: skip

    node.flanneld(node=1)
    node.env.write_text(node.env.read_text().replace("1.1/24", "1.1/30"))
    one.add()
    with pytest.raises(PluginFailed) as full:
        one.call("STATUS", {})
    assert full.value.cni_code == 50
    one.delete()


@pytest.mark.peer
def test_the_other_plugin_may_be_an_executable(
    attach: Attach, node: Node, pod: Netns, peers: Path, tmp_path: Path
):
    """The same doors: it is found on CNI_PATH, is told the same, and is run again to clear up."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(peers / "ptp", folder / "point-to-point")
    shutil.copy(peers / "host-local", folder / "host-local")
    one = attach(pod, node.conf(delegate={"type": "point-to-point"}), by=ours_with(folder)).add()
    assert one.addresses == ["10.244.1.2/24"]
    one.check()
    one.call("STATUS", {})
    one.gc(("c1", "eth0"))
    assert node.left() == (["c1"], ["10.244.1.2"])
    one.delete()
    assert node.left() == ([], [])
    assert pod.links() == []


def ours_with(folder: Path) -> Implementation:
    def run(host: Netns, type_: str, env: Mapping[str, str], stdin: bytes) -> Answer:
        return within(host, lambda: serve(type_, {**env, "CNI_PATH": str(folder)}, stdin))

    return run


def test_several_networks_of_a_family_are_routed_once_each():
    read = subnet.parse(
        "FLANNEL_NETWORK=10.1.0.0/16,10.2.0.0/16, 10.1.0.0/16\nFLANNEL_IPV6_NETWORK=fd01::/48,fd02::/48\n"
        "FLANNEL_SUBNET=10.1.3.1/24\nFLANNEL_IPV6_SUBNET=fd01:3::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
        "subnet.env",
    )
    assert list(map(str, read.networks)) == ["10.1.0.0/16", "10.2.0.0/16", "fd01::/48", "fd02::/48"]
    assert list(map(str, read.subnets)) == ["10.1.3.0/24", "fd01:3::/64"]
    assert (read.mtu, read.ipmasq) == (1450, True)
