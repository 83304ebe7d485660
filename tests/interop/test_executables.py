"""The reference's programs driven by our pipeline: alone, beside ours in one pod, and in one chain with ours."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multinet.errors import PluginFailed
from multinet.kernel.namespace import Namespace
from tests.faults import facts
from tests.interop.node import Node
from tests.support.netns import Netns
from tests.support.plugins import pings
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer]


def listed(*plugins: dict[str, Any], version: str = "1.1.0") -> dict[str, Any]:
    return {"cniVersion": version, "name": "first", "plugins": plugins}


@pytest.fixture
def ipam(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    return lambda subnet: {
        "type": "host-local",
        "dataDir": str(tmp_path / "ipam"),
        "ranges": [[{"subnet": subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }


def reserved(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("ipam/*/10.*"))


BRIDGE: dict[str, Any] = {"type": "bridge", "bridge": "br0", "isGateway": True}


@pytest.mark.parametrize("executables", [("bridge", "host-local"), ("host-local",), ("bridge",)])
@pytest.mark.parametrize("version", ["0.2.0", "0.4.0", "1.1.0"])
def test_the_settings_say_for_which_types_the_program_is_wanted(
    node: Node, host: Netns, pod: Netns, tmp_path: Path, ipam, executables: tuple[str, ...], version: str
):
    """Theirs alone, ours with their addresses, theirs which finds its addresses by itself: nobody can tell."""
    node = replace(node, executables=executables)
    node.pod()
    first = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")}, version=version)
    result = node.call("ADD", pod, first)
    assert [ip["address"] for ip in result["ips"]] == ["10.1.2.2/24"]
    until(lambda: pings(pod, "10.1.2.1"), what="a ping to the gateway")
    assert node.call("ADD", pod, first)["ips"] == result["ips"]  # asked again, it answers what stands
    node.call("CHECK", pod, first)
    node.call("STATUS", pod, first)
    node.call("DEL", pod, first)
    assert (pod.links(), host.links(), reserved(tmp_path), node.records()) == ([], ["br0"], [], [])


def test_ours_and_theirs_in_one_pod(node: Node, host: Netns, pod: Netns, tmp_path: Path, ipam):
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    host.ip("link", "set", "up0", "up")
    host.ip("link", "set", "up1", "up")
    node = replace(node, executables=("macvlan", "ptp"))
    node.define("net-a", {"type": "macvlan", "master": "up0", "ipam": ipam("10.1.3.0/24")})
    node.define(
        "net-b", {"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables", "ipam": ipam("10.1.4.0/24")}
    )
    node.define("net-c", {"type": "bridge", "bridge": "br1", "ipam": ipam("10.1.5.0/24")})
    node.pod({"name": "net-a"}, {"name": "net-b", "default-route": ["10.1.4.1"]}, {"name": "net-c"})
    before = facts.of_host(host)
    first = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")})
    node.call("ADD", pod, first)
    assert sorted(pod.links()) == ["eth0", "net1", "net2", "net3"]
    assert [
        (route["gateway"], route["dev"]) for route in pod.json("ip", "-j", "route", "show", "default")
    ] == [("10.1.4.1", "net2")]
    for gateway in ("10.1.2.1", "10.1.4.1"):
        until(lambda gateway=gateway: pings(pod, gateway), what=f"a ping to {gateway}")
    node.call("CHECK", pod, first)
    pod.ip("link", "delete", "net1")
    with pytest.raises(PluginFailed, match=r"^default/net-a\[macvlan\]: "):
        node.call("CHECK", pod, first)
    node.call("DEL", pod, first)
    assert (pod.links(), reserved(tmp_path), node.records()) == ([], [], [])
    assert sorted(host.links()) == ["br0", "br1", "up0", "up1"]
    left = "".join(facts.of_host(host) - before)
    assert not any(address in left for address in ("10.1.3.", "10.1.4.2", "10.1.5.", "net2"))


def test_a_chain_of_ours_and_theirs_with_what_the_annotation_asks_for(
    node: Node, host: Netns, pod: Netns, tmp_path: Path, ipam
):
    """bridge of ours, then tuning, bandwidth and portmap of the reference."""
    chain = (
        {"type": "bridge", "bridge": "br1", "isGateway": True, "ipam": ipam("10.1.3.0/24")},
        {"type": "tuning", "mac": "02:11:22:33:44:55", "mtu": 1400, "dataDir": str(tmp_path / "tuning"),
         "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
        {"type": "portmap", "backend": "iptables", "capabilities": {"portMappings": True}},
    )  # fmt: skip
    node.define("net-a", *chain)
    rates = {
        "ingressRate": 80_000_000,
        "ingressBurst": 800_000,
        "egressRate": 8_000_000,
        "egressBurst": 800_000,
    }
    node.pod(
        {
            "name": "net-a",
            "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
            "bandwidth": rates,
        }
    )
    first = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")})
    node.call("ADD", pod, first)

    (link,) = pod.json("ip", "-j", "link", "show", "net1")
    assert (link["address"], link["mtu"]) == ("02:11:22:33:44:55", 1400)
    assert pod.sysctl("net/ipv4/conf/net1/arp_filter") == "1"
    shaped = {
        one["dev"]: one["options"]["rate"] for one in host.json("tc", "-j", "qdisc") if one["kind"] == "tbf"
    }
    (ifb,) = (name for name in host.links() if name.startswith("bwp"))
    assert sorted(shaped.values()) == [rates["egressRate"] // 8, rates["ingressRate"] // 8]
    assert shaped[ifb] == rates["egressRate"] // 8
    host.ip("addr", "add", "192.0.2.1/32", "dev", "lo")
    assert served(pod, host, ("192.0.2.1", 8080))
    node.call("CHECK", pod, first)
    host.run("iptables", "-t", "nat", "-F", "CNI-HOSTPORT-DNAT")
    with pytest.raises(PluginFailed, match=r"^default/net-a\[portmap\]: "):
        node.call("CHECK", pod, first)

    node.call("DEL", pod, first)
    assert (pod.links(), sorted(host.links()), reserved(tmp_path), node.records()) == (
        [],
        ["br0", "br1"],
        [],
        [],
    )
    assert list((tmp_path / "tuning").iterdir()) == []
    rules = host.run("iptables-save", "-t", "nat").stdout
    assert "CNI-DN-" not in rules
    assert "10.1.3.2" not in rules


def served(pod: Netns, host: Netns, address: tuple[str, int]) -> bool:
    """Does a connection from the host to ``address`` reach a server on port 80 in the pod?"""
    with Namespace.open(pod.path) as inside, Namespace.open(host.path) as outside:
        server = inside.visit(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        client = outside.visit(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with closing(server), closing(client):
        server.bind(("0.0.0.0", 80))
        server.listen(1)
        client.settimeout(3)
        return client.connect_ex(address) == 0


def test_firewall_and_sbr_after_ours(node: Node, host: Netns, pod: Netns, tmp_path: Path, ipam):
    node.pod()
    chain = listed(
        {**BRIDGE, "ipam": ipam("10.1.2.0/24")}, {"type": "firewall", "backend": "iptables"}, {"type": "sbr"}
    )
    node.call("ADD", pod, chain)
    assert "-s 10.1.2.2/32 -j ACCEPT" in host.run("iptables-save", "-t", "filter").stdout
    assert "10.1.2.2" in {rule["src"] for rule in pod.json("ip", "-j", "rule")}
    until(lambda: pings(pod, "10.1.2.1", "-I", "10.1.2.2"), what="a ping by the table of its own")
    node.call("DEL", pod, chain)
    assert "10.1.2.2" not in host.run("iptables-save", "-t", "filter").stdout
    assert "10.1.2.2" not in {rule["src"] for rule in pod.json("ip", "-j", "rule")}
    assert (pod.links(), reserved(tmp_path)) == ([], [])


# --- what is told, and in what order


WITNESS = """#!/bin/sh
cat > {log}/$(ls {log} | wc -l).$CNI_COMMAND.{name}
[ "$CNI_COMMAND" != ADD ] || {answer}
"""


@pytest.fixture
def witnesses(node: Node, tmp_path: Path) -> Callable[..., Node]:
    """A node with programs that keep what they are told in ``log`` and answer as they are made to."""
    (tmp_path / "log").mkdir()
    (tmp_path / "bin").mkdir()

    def make(**answers: str) -> Node:
        for name, answer in answers.items():
            program = tmp_path / "bin" / name
            text = WITNESS.replace("{answer}", answer).replace("{log}", str(tmp_path / "log"))
            program.write_text(text.replace("{name}", name))
            program.chmod(0o755)
        node.pod()
        return replace(node, bin_dir=tmp_path / "bin")

    return make


def told(tmp_path: Path) -> list[tuple[str, dict[str, Any]]]:
    """What each was told, in order: ``("ADD.one", {...})``."""
    files = sorted((tmp_path / "log").iterdir(), key=lambda file: int(file.name.partition(".")[0]))
    return [(file.name.partition(".")[2], json.loads(file.read_text())) for file in files]


ANSWER = """echo '{"cniVersion": "1.1.0", "interfaces": [{"name": "made"}], "ips": [{"address": "10.7.7.7/24"}]}'"""
LAST = (
    """echo '{"cniVersion": "1.1.0", "interfaces": [{"name": "made"}], "routes": [{"dst": "10.6.0.0/16"}]}'"""
)


def test_each_is_told_what_the_one_before_it_answered_and_del_goes_backwards_by_the_record(
    witnesses, pod: Netns, tmp_path: Path, ipam
):
    node = witnesses(one=ANSWER, two=LAST)
    node.define(
        "net-a",
        {"type": "bridge", "bridge": "br1", "ipam": ipam("10.1.3.0/24")},
        {"type": "one", "capabilities": {"mac": True, "bandwidth": False}},
        {"type": "two", "capabilities": {"portMappings": True}},
    )
    node.pod({"name": "net-a", "portMappings": [{"hostPort": 8080, "containerPort": 80}]})
    first = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")})
    node.call("ADD", pod, first)
    node.call("CHECK", pod, first, disableCheck=True)
    node.define(
        "net-a", {"type": "bridge", "bridge": "br7"}
    )  # what is defined today does not matter any more
    node.call("DEL", pod, first)
    node.call("DEL", pod, first)

    said = told(tmp_path)
    assert [what for what, _ in said] == ["ADD.one", "ADD.two", "DEL.two", "DEL.one"]
    (_, one), (_, two), (_, two_del), (_, one_del) = said
    assert [ip["address"] for ip in one["prevResult"]["ips"]] == ["10.1.3.2/24"]
    assert one["prevResult"]["interfaces"][0]["name"] == "br1"
    assert [ip["address"] for ip in two["prevResult"]["ips"]] == ["10.7.7.7/24"]
    for after in (two_del, one_del):
        assert after["prevResult"]["routes"] == [{"dst": "10.6.0.0/16"}]
    assert "runtimeConfig" not in one
    assert (
        two["runtimeConfig"]
        == two_del["runtimeConfig"]
        == {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
    )
    assert {one["name"], two["name"], one_del["name"]} == {"net-a"}
    assert (pod.links(), node.records()) == ([], [])


def test_the_error_of_a_program_is_passed_on_and_all_before_it_is_taken_back(
    witnesses, host: Netns, pod: Netns, tmp_path: Path, ipam
):
    """Its own code and details; it is sent DEL like those that succeeded, since nobody knows how far it came."""
    failing = """{ echo '{"code": 123, "msg": "no such luck", "details": "look there"}'; exit 1; }"""
    node = witnesses(one=ANSWER, two=failing)
    first = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")}, {"type": "one"}, {"type": "two"})
    with pytest.raises(PluginFailed) as caught:
        node.call("ADD", pod, first)
    assert (caught.value.cni_code, caught.value.message) == (123, "first[two]: no such luck")
    assert "look there" in caught.value.details
    assert [what for what, _ in told(tmp_path)] == ["ADD.one", "ADD.two", "DEL.two", "DEL.one"]
    assert (pod.links(), host.links(), reserved(tmp_path), node.records()) == ([], ["br0"], [], [])


def test_a_reference_plugin_that_refuses_takes_back_what_ours_made(
    node: Node, host: Netns, pod: Netns, tmp_path: Path, ipam
):
    node.pod()
    chain = listed(
        {**BRIDGE, "ipam": ipam("10.1.2.0/24")}, {"type": "tuning", "sysctl": {"net.no.such": "1"}}
    )
    with pytest.raises(PluginFailed, match=r"^first\[tuning\]: .*no such file or directory"):
        node.call("ADD", pod, chain)
    assert (pod.links(), host.links(), reserved(tmp_path), node.records()) == ([], ["br0"], [], [])


def test_a_type_that_nobody_serves_is_refused_before_anything_is_made(
    node: Node, host: Netns, pod: Netns, peers: Path, ipam
):
    node.pod()
    chain = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")}, {"type": "brigde"})
    with pytest.raises(PluginFailed) as caught:
        node.call("ADD", pod, chain)
    assert caught.value.cni_code == 7
    assert 'failed to find plugin "brigde" in path [' in caught.value.message
    assert (pod.links(), host.links()) == ([], [])


def test_gc_reaches_the_programs_with_what_is_still_attached(witnesses, pod: Netns, tmp_path: Path, ipam):
    node = witnesses(one=ANSWER)
    first = listed({**BRIDGE, "ipam": ipam("10.1.2.0/24")}, {"type": "one"})
    node.call("ADD", pod, first)
    node.call("GC", pod, first, **{"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]})
    assert pod.links() == ["eth0"]
    node.call("GC", pod, first, **{"cni.dev/valid-attachments": []})
    said = told(tmp_path)
    assert [what for what, _ in said] == ["ADD.one", "GC.one", "DEL.one", "GC.one"]
    assert said[1][1]["cni.dev/valid-attachments"] == [{"containerID": "c1", "ifname": "eth0"}]
    assert said[3][1]["cni.dev/valid-attachments"] == []
    assert (pod.links(), reserved(tmp_path)) == ([], [])
