"""What CNI_NETNS may lead to, on the day of ADD and by the time of DEL; and pods that ask for a lot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.netns import Netns
from tests.support.wait import until
from tests.verbs.node import Node, host_local

pytestmark = pytest.mark.kernel

OWN = "plugin's netns and netns from CNI_NETNS should not be the same"


@contextmanager
def process_in(namespace: Netns) -> Iterator[str]:
    """The path of the namespace by a process that lives in it for as long as the block."""
    there = os.stat(namespace.path).st_ino
    with subprocess.Popen(namespace.command("sleep", "1000")) as process:
        try:
            path = f"/proc/{process.pid}/ns/net"
            until(lambda: os.stat(path).st_ino == there, what="the process to be there")
            yield path
        finally:
            process.kill()


def nothing_is_held(node: Node) -> bool:
    return (node.addresses("cluster"), node.addresses("net-a"), node.records()) == ({}, {}, [])


def test_the_namespace_of_a_process_serves_for_as_long_as_the_process_does(node: Node, pod: Netns) -> None:
    with process_in(pod) as path:
        code, said = node.ask("ADD", path)
        assert code == 0, said.decode()
        node.do("CHECK", path)
        assert sorted(pod.links()) == ["eth0", "net1"]
    node.do("DEL", path)
    assert nothing_is_held(node)


def test_a_namespace_that_is_the_hosts_is_refused_and_left_alone(node: Node, pod: Netns) -> None:
    node.host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "net1")
    before = node.left()
    assert node.refusal("ADD", node.host.path)["msg"] == OWN
    assert node.left() == before
    node.do("DEL", node.host.path)  # of what never was
    assert node.left() == before


@pytest.mark.parametrize("by_now", ["the host's", "a file", "another namespace's kind"])
def test_a_pod_ends_though_something_else_is_at_its_path(
    node: Node, pod: Netns, tmp_path: Path, by_now: str
) -> None:
    """As of a process whose number is a process of the host's by now."""
    node.host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "net1")
    path = tmp_path / "of-a-process"
    path.symlink_to(pod.path)
    code, said = node.ask("ADD", str(path))
    assert code == 0, said.decode()
    path.unlink()
    path.symlink_to(
        {
            "the host's": node.host.path,
            "a file": "/proc/version",
            "another namespace's kind": "/proc/self/ns/uts",
        }[by_now]
    )

    node.do("DEL", str(path))

    assert nothing_is_held(node)
    assert {"eth0", "net1"} <= set(node.host.links())


def test_the_path_of_a_process_that_is_a_strangers_by_now_is_left_alone(
    node: Node, pod: Netns, netns: Callable[..., Netns]
) -> None:
    """A container of which we know nothing: no record tells whose its interfaces are."""
    stranger = netns("stranger")
    stranger.ip("link", "add", "eth0", "type", "veth", "peer", "name", "net1")
    with process_in(pod) as path:
        code, said = node.ask("ADD", path)
        assert code == 0, said.decode()
    with process_in(stranger) as path:
        node.do("DEL", path)
    assert sorted(stranger.links()) == ["eth0", "net1"]
    assert nothing_is_held(node)


def test_a_network_may_be_asked_for_several_times(node: Node, pod: Netns) -> None:
    node.pod("cart", [{"name": "net-a"}, {"name": "net-b"}, {"name": "net-a"}, {"name": "net-a"}])
    node.add(pod)
    assert sorted(pod.links()) == ["eth0", "net1", "net2", "net3", "net4"]
    assert sorted(node.addresses("net-a").values()) == ["c1 net1", "c1 net3", "c1 net4"]
    assert [(one["name"], one.get("interface")) for one in node.status()] == [
        ("cluster", "eth0"),
        ("default/net-a", "net1"),
        ("default/net-b", "net2"),
        ("default/net-a", "net3"),
        ("default/net-a", "net4"),
    ]
    node.do("CHECK", pod)
    node.do("DEL", pod)
    assert pod.links() == []
    assert nothing_is_held(node)


def test_forty_networks_come_up_are_checked_and_go(node: Node, pod: Netns) -> None:
    for number in range(40):
        ipam = host_local(f"10.90.{number}.0/24")
        node.define(f"net-{number}", type="bridge", bridge=f"br-{number}", ipam=ipam)
    node.pod("cart", [{"name": f"net-{number}"} for number in range(40)])
    node.add(pod)
    assert len(pod.links()) == len(node.status()) == 41
    node.do("CHECK", pod)
    node.do("DEL", pod)
    assert (pod.links(), node.records()) == ([], [])


def test_a_container_may_have_hundreds_of_links_already(node: Node, pod: Netns) -> None:
    """The kernel tells of them in many messages."""
    links = "".join(f"link add x{number} type veth peer name y{number}\n" for number in range(250))
    pod.run("ip", "-batch", "-", input=links)
    node.add(pod)
    node.do("CHECK", pod)
    assert len(pod.links()) == 502
    node.do("DEL", pod)
    assert len(pod.links()) == 500
    assert nothing_is_held(node)
