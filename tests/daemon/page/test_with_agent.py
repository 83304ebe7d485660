"""The status page of a real agent with an API server behind it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.daemon.page.test_html import Read
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


def page(file: Path) -> str:
    """What a person reads at a unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(file))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        heard = b""
        while more := connection.recv(1 << 16):
            heard += more
    return Read(heard.decode().partition("\r\n\r\n")[2]).said


def test_caches_networks_and_the_clusters_definitions_are_told(
    make_node: MakeNode,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    tmp_path: Path,
):
    node = make_node(agent={"statusPage": f"unix:{tmp_path}/status.sock"}).start()
    conf = {"cniVersion": "1.1.0", "type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/24")}
    kubeobjects.nad(control_plane, kube_namespace, "net-a", conf)
    kubeobjects.nad(control_plane, kube_namespace, "net-b", conf)
    one = sandbox("net-a")
    node.call("ADD", one).ok()
    before = len(control_plane.requests())

    until(lambda: f"{kube_namespace}/net-b" in page(tmp_path / "status.sock"), seconds=20)
    said = page(tmp_path / "status.sock")
    for words in (
        "ready",
        "in sync, heard 0 s ago",
        str(tmp_path / "net.d" / "10-cluster.conflist"),
        one.pod["metadata"]["name"],
        f"{kube_namespace}/net-a",
        "10.9.0.1-10.9.0.254",
    ):
        assert words in said
    assert control_plane.requests()[before:] == []
    assert node.stop() == 0
    assert not (tmp_path / "status.sock").exists()


def test_it_is_nowhere_unless_it_is_wanted(node: AgentNode, tmp_path: Path):
    assert "status page" not in node.log
    assert sorted(file.name for file in (tmp_path / "run").glob("*.sock")) == [
        "agent.sock",
        "history.sock",
        "metrics.sock",
    ]


def test_pods_do_not_wait_for_a_page_whose_address_is_taken(make_node: MakeNode, sandbox: MakeSandbox):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        node = make_node(agent={"statusPage": f"127.0.0.1:{port}"}).start()
        node.call("ADD", sandbox()).ok()

    (line,) = [line for line in node.lines() if line["event"] == "status page not served"]
    assert line["error"] == (
        f"could not serve the status page at 127.0.0.1 port {port}: Address already in use "
        "(another agent may be running; or give 'statusPage' another address)"
    )
    assert node.stop() == 0
