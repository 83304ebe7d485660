"""What a running agent tells of what it did, and to whom: over a socket of root's, whatever is done with metrics."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from multinet.daemon import probe
from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

STATIC = {"type": "static", "addresses": [{"address": "10.9.0.2/24"}]}


def door(node: AgentNode) -> Path:
    return node.folder / "run" / "history.sock"


def ask(node: AgentNode, path: str) -> tuple[int, Any]:
    status, body = probe.ask((socket.AF_UNIX, str(door(node))), path)
    return status, json.loads(body) if status == 200 else body


def test_each_request_is_told_by_the_id_that_its_answer_names(
    node: AgentNode, control_plane: ControlPlane, sandbox: MakeSandbox, kube_namespace: str
) -> None:
    conf = {"cniVersion": "1.1.0", "type": "bridge", "bridge": "lo", "ipam": STATIC}
    kubeobjects.nad(control_plane, kube_namespace, "lan", conf)
    good, bad = sandbox(), sandbox("lan")
    node.call("ADD", good).ok()
    error = node.call("ADD", bad).error()
    request = error["details"].rpartition("request ")[2]
    refused = node.call("ADD", bad, env={"CNI_IFNAME": ""}).error()

    status, recent = ask(node, "/history")
    assert status == 200
    assert [(one["verb"], one["container"], one["code"]) for one in recent if one["verb"] == "ADD"] == [
        ("ADD", bad.id, refused["code"]),
        ("ADD", bad.id, error["code"]),
        ("ADD", good.id, 0),
    ]
    status, told = ask(node, f"/history/{request}")
    assert status == 200
    assert told["error"].startswith(error["msg"])
    assert told["pod"] == f"{kube_namespace}/{bad.pod['metadata']['name']}"
    assert [
        (one["network"], one["type"], one["failed"]) for one in told["calls"] if one["verb"] == "ADD"
    ] == [
        ("cluster", "bridge", False),
        ("cluster", "host-local", False),
        (f"{kube_namespace}/lan", "bridge", True),
    ]
    assert ask(node, "/history/00000000") == (404, "no request 00000000 is kept\n")
    assert len(ask(node, "/history?most=2")[1]) == 2


def test_only_root_may_ask_and_metrics_on_a_port_do_not_tell_it(make_node: MakeNode) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    node = make_node(agent={"metrics": f"127.0.0.1:{port}"})
    node.start(ready=False)
    place = (socket.AF_INET, ("127.0.0.1", port))
    until(lambda: "agent started" in node.log, what="the agent to serve all that it does")
    assert probe.ask(place, "/history")[0] == 404
    assert stat.S_IMODE(os.stat(door(node)).st_mode) == 0o600
    assert ask(node, "/history") == (200, [])
    assert node.stop() == 0
    assert not door(node).exists()


def test_an_agent_that_can_not_tell_what_it_did_serves_pods_all_the_same(
    make_node: MakeNode, sandbox: MakeSandbox
) -> None:
    node = make_node()
    door(node).mkdir(parents=True)
    node.start()

    node.call("ADD", sandbox()).ok()
    (line,) = [line for line in node.lines() if line["event"] == "history not served"]
    assert line["error"] == (
        f"could not serve the history at {door(node)}: Address already in use "
        "(another agent may be running; or give 'socket' another address)"
    )


def test_an_agent_that_is_to_remember_nothing_opens_no_socket(make_node: MakeNode) -> None:
    node = make_node(agent={"history": 0}).start()

    assert not door(node).exists()
