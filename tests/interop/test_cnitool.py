"""Our executables driven by libcni, verb by verb and version by version."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multinet.cni.versions import SUPPORTED, at_least
from tests.faults import facts
from tests.interop.node import STATUS, Cnitool, Node
from tests.support.netns import Netns
from tests.support.plugins import pings
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer]


@pytest.fixture
def up0(host: Netns) -> Netns:
    """The host with a master for macvlan."""
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for link in ("up0", "up1"):
        host.ip("link", "set", link, "up")
    return host


def network(*plugins: dict[str, Any], version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return {"cniVersion": version, "name": "net", **keys, "plugins": plugins}


def host_local(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "type": "host-local",
        "dataDir": str(folder / "ipam"),
        "ranges": [[{"subnet": "10.1.2.0/24"}]],
        **more,
    }


def given(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "ipam" / "net").glob("10.*"))


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_verb_that_a_version_has(
    cnitool: Callable[..., Cnitool], ours: Path, host: Netns, pod: Netns, tmp_path: Path, version: str
):
    """libcni is lenient with what a version lacks (GC and STATUS are not sent then), we are not asked."""
    conf = network(
        {"type": "bridge", "bridge": "br0", "isGateway": True, "ipam": host_local(tmp_path)}, version=version
    )
    tool = cnitool(ours)
    tool("status", conf, pod)
    result = tool("add", conf, pod)
    assert result["cniVersion"] == version
    told = result["ips"][0]["address"] if at_least(version, "0.3.0") else result["ip4"]["ip"]
    assert told == "10.1.2.2/24"
    until(lambda: pings(pod, "10.1.2.1"), what="a ping to the gateway")
    if at_least(version, "0.4.0"):
        tool("check", conf, pod)
    tool("del", conf, pod)
    assert (pod.links(), host.links(), given(tmp_path), tool.cached()) == ([], ["br0"], [], [])


@pytest.mark.parametrize(
    "plugin",
    [
        {"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables"},
        {"type": "macvlan", "master": "up0", "capabilities": {"mac": True}},
    ],
    ids=lambda plugin: plugin["type"],
)
def test_every_type_passes_check_and_is_cleared_by_gc(
    cnitool: Callable[..., Cnitool],
    ours: Path,
    up0: Netns,
    pod: Netns,
    tmp_path: Path,
    plugin: dict[str, Any],
):
    """`cnitool gc` names no valid attachment: libcni sends DEL to all it remembers, and then GC."""
    before = facts.of_host(up0)
    conf = network({"type": "loopback"}, {**plugin, "ipam": host_local(tmp_path)})
    tool = cnitool(ours)
    tool("add", conf, pod, CAP_ARGS=json.dumps({"mac": "02:11:22:33:44:55"}))
    if plugin["type"] == "macvlan":
        assert pod.json("ip", "-j", "link", "show", "eth0")[0]["address"] == "02:11:22:33:44:55"
    tool("check", conf, pod)
    tool("status", conf, pod)
    tool("gc", conf, pod)
    assert (pod.links(), given(tmp_path), tool.cached()) == ([], [], [])
    left = [fact for fact in facts.of_host(up0) - before if "eth0" in fact or "10.1.2" in fact]
    assert left == []


def test_the_reference_finds_its_addresses_with_our_host_local(
    cnitool: Callable[..., Cnitool], ours: Path, peers: Path, host: Netns, pod: Netns, tmp_path: Path
):
    """Theirs for the interface, ours for the address: the reference calls our executable."""
    path = tmp_path / "mixed"
    path.mkdir()
    for folder, type_ in ((peers, "bridge"), (ours, "host-local"), (peers, "tuning")):
        (path / type_).symlink_to(folder / type_)
    conf = network(
        {"type": "bridge", "bridge": "br0", "ipam": host_local(tmp_path)}, {"type": "tuning", "mtu": 1400}
    )
    tool = cnitool(path)
    result = tool("add", conf, pod, CNI_ARGS="IgnoreUnknown=1;IP=10.1.2.77")
    assert result["ips"][0]["address"] == "10.1.2.77/24"
    assert given(tmp_path) == ["10.1.2.77"]
    tool("check", conf, pod)
    tool("del", conf, pod)
    assert (pod.links(), given(tmp_path)) == ([], [])


def test_the_meta_plugin_under_libcni(
    cnitool: Callable[..., Cnitool], ours: Path, node: Node, host: Netns, pod: Netns, tmp_path: Path
):
    node.define("net-a", {"type": "bridge", "bridge": "br1", "ipam": host_local(tmp_path)})
    node.pod({"name": "net-a"})
    first = {
        "cniVersion": "1.1.0",
        "name": "first",
        "type": "bridge",
        "bridge": "br0",
        "ipam": {"type": "static", "addresses": [{"address": "10.9.0.2/24"}]},
    }
    conf = network(
        {
            "type": "multinet",
            "folder": str(node.folder / "cluster"),
            "stateDir": str(node.folder / "state"),
            "deviceInfoDir": str(node.folder / "devices"),
            "allowedPaths": [str(tmp_path)],
            "delegates": [first],
        }
    )
    args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart"
    tool = cnitool(ours)
    tool("status", conf, pod)
    result = tool("add", conf, pod, CNI_ARGS=args)
    assert [ip["address"] for ip in result["ips"]] == ["10.9.0.2/24"]
    assert sorted(pod.links()) == ["eth0", "net1"]
    (written,) = (node.folder / "cluster").glob("default.cart*")
    status = json.loads(json.loads(written.read_text())["metadata"]["annotations"][STATUS])
    assert [(one["interface"], one["ips"]) for one in status] == [
        ("eth0", ["10.9.0.2"]),
        ("net1", ["10.1.2.2"]),
    ]
    tool("check", conf, pod, CNI_ARGS=args)
    tool("gc", conf, pod)
    assert (pod.links(), sorted(host.links()), node.records()) == ([], ["br0", "br1"], [])
    tool("del", conf, pod, CNI_ARGS=args)


def test_an_error_of_ours_comes_through_libcni_whole(cnitool: Callable[..., Cnitool], ours: Path, pod: Netns):
    with pytest.raises(AssertionError) as caught:
        cnitool(ours)("add", network({"type": "bridge", "hairpinMode": True, "promiscMode": True}), pod)
    assert (
        'plugin type="bridge" failed (add): cannot set hairpin mode and promiscuous mode at the same time'
        in str(caught.value)
    )
