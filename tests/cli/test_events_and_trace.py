"""``multinet events`` and ``trace``: what a real agent did, beside what it wrote to a real API server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multinet.cli.requests import rows, trace
from multinet.daemon.history import Call, Happened, Phase
from tests.cli.conftest import ROOT
from tests.cli.settings_of_a_node import NodeFiles, run
from tests.daemon.conftest import MakeSandbox
from tests.daemon.conftest import make_node as make_node
from tests.daemon.conftest import node as node
from tests.daemon.conftest import sandbox as pods
from tests.daemon.conftest import shim as shim
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

__all__ = ["make_node", "node", "pods", "shim"]

STATIC = {"type": "static", "addresses": [{"address": "10.9.0.2/24"}]}
BROKEN = {"cniVersion": "1.1.0", "type": "bridge", "bridge": "lo", "ipam": STATIC}


def masked(text: str) -> str:
    """Without times and ids, columns and all."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<when>", text)
    text = re.sub(r"\b[0-9a-f]{8}\b", "<id>", text)
    return re.sub(r" +\n", "\n", re.sub(r"\d+ ms *", "<ms>  ", text))


def ids(node: AgentNode) -> dict[str, str]:
    """Container and verb -> the request, by the log."""
    return {f"{one['container']} {one['verb']}": one["request"] for one in node.lines() if "request" in one}


@pytest.fixture
def served(
    node: AgentNode, control_plane: ControlPlane, pods: MakeSandbox, kube_namespace: str
) -> dict[str, str]:
    """An ADD that went well, one that failed, and a DEL of nothing: name of the pod -> its container."""
    kubeobjects.nad(control_plane, kube_namespace, "lan", BROKEN)
    good, bad = pods(), pods("lan")
    node.call("ADD", good).ok()
    node.call("ADD", bad).error()
    node.call("DEL", bad).ok()
    return {"good": good.pod["metadata"]["name"], "bad": bad.pod["metadata"]["name"]}


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
class TestWithAnAgent:
    def test_a_node_tells_its_requests_with_the_event_of_each_beside_it_and_a_cluster_the_events(
        self,
        node: AgentNode,
        served: dict[str, str],
        control_plane: ControlPlane,
        kube_namespace: str,
        nowhere: None,
    ) -> None:
        admin = str(control_plane.kubeconfig(ADMIN))
        everything = ("events", "-n", kube_namespace, "--config", str(node.config))
        until(
            lambda: "FailedNetworks" in run(*everything, env={"KUBECONFIG": admin}).stdout,
            what="the agent to have written the event",
        )
        told = run(*everything, env={"KUBECONFIG": admin})

        good, bad = (f"{kube_namespace}/{served[one]}" for one in ("good", "bad"))
        assert told.stderr == ""
        assert [re.split(r"  +", line) for line in masked(told.stdout).splitlines()] == [
            ["TIME", "NODE", "REQUEST", "VERB", "POD", "TOOK", "EVENT"],
            ["<when>", node.name, "<id>", "ADD", good, "<ms>", "cluster"],
            ["<when>", node.name, "<id>", "ADD", bad, "<ms>", "FailedNetworks", error_of(kube_namespace)],
            ["<when>", node.name, "<id>", "DEL", bad, "<ms>", "there was nothing on record"],
        ]
        failed = json.loads(run(*everything, "--failed", "-o", "json", env={"KUBECONFIG": admin}).stdout)
        assert [(one["pod"], one["code"], one["event"], one["count"]) for one in failed] == [
            (bad, 7, "FailedNetworks", 1)
        ]
        own = run(*everything, "-o", "json")
        assert len(json.loads(own.stdout)) == 3
        assert own.stderr.startswith(
            "multinet: the cluster's events are not shown: the API server refused to list events in "
            f"{kube_namespace}: "
        )
        of_cluster = ("events", "--kubeconfig", admin, "-n", kube_namespace)
        (row,) = json.loads(run(*of_cluster, "--pod", served["bad"], "-o", "json").stdout)
        assert {**row, "at": ""} == {
            "at": "",
            "node": node.name,
            "request": ids(node)[f"{container(node, bad)} ADD"],
            "verb": "",
            "pod": bad,
            "containerID": "",
            "seconds": None,
            "failed": True,
            "code": None,
            "networks": [],
            "says": error_of(kube_namespace),
            "event": "FailedNetworks",
            "count": 1,
        }
        assert run(*of_cluster, "--pod", "nobody").stdout == "nothing was done lately\n"

    def test_what_comes_is_told_as_it_comes_until_it_is_interrupted(
        self, node: AgentNode, pods: MakeSandbox, nowhere: None, tmp_path: Path
    ) -> None:
        program = "from multinet.cli import main; main()"
        asked = ("events", "--follow", "--config", str(node.config), "-o", "json")
        with (tmp_path / "told").open("w+") as told, (tmp_path / "wrong").open("w") as wrong:
            process = subprocess.Popen(
                [sys.executable, "-u", "-c", program, *asked], stdout=told, stderr=wrong
            )
            try:
                until(lambda: "not shown" in (tmp_path / "wrong").read_text(), what="it to have begun")
                one = pods()
                node.call("ADD", one).ok()
                until(lambda: one.id in (tmp_path / "told").read_text(), what="the ADD to be told")
                process.send_signal(signal.SIGINT)
                assert process.wait(20) == 0
            finally:
                process.kill()
                process.wait()
        rows = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
        assert [(row["containerID"], row["verb"]) for row in rows if row["containerID"]] == [(one.id, "ADD")]

    def test_a_request_is_traced_by_its_id_and_one_not_remembered_is_an_error_that_says_how_far_back_it_goes(
        self, node: AgentNode, served: dict[str, str], kube_namespace: str
    ) -> None:
        pod = f"{kube_namespace}/{served['bad']}"
        there = container(node, pod)
        request = ids(node)[f"{there} ADD"]
        told = json.loads(run("trace", f"[{request}]", "--config", str(node.config), "-o", "json").stdout)
        shown = run("trace", request, "--config", str(node.config)).stdout.splitlines()

        assert [one["name"] for one in told["phases"]] == ["turn", "lock", "plan", "gc", "delegates"]
        assert [(one["type"], one["verb"], one["interface"], one["failed"]) for one in told["calls"]] == [
            ("bridge", "ADD", "eth0", False),
            ("host-local", "ADD", "eth0", False),
            ("bridge", "ADD", "net1", True),
        ]
        assert [line.split("  ")[0] for line in shown] == [
            *("request", "verb", "pod", "container", "interface", "began", "took", "networks", "failed"),
            *("code", "", "PART", "turn", "lock", "plan", "gc", "delegates", "", "", ""),
        ]
        assert shown[8] == f"failed     {told['error']}"

        wrong = masked(run("trace", "0badcafe", "--config", str(node.config), fails=1).stderr)

        assert re.sub(r"oldest of \d+", "oldest of N", wrong) == (
            "multinet: the agent of this node does not remember the request <id>: the oldest of N is of <when> "
            "(look for <id> in the log of the agent that named it, "
            "`kubectl -n kube-system logs POD | grep <id>`: each request has a line there)\n"
        )


def error_of(namespace: str) -> str:
    hint = "name another bridge, or rename that link"
    return f'{namespace}/lan[bridge]: "lo" already exists but is not a bridge ({hint})'


def container(node: AgentNode, pod: str) -> str:
    return next(one["container"] for one in node.lines() if one.get("pod") == pod)


def test_without_an_agent_that_answers_it_says_where_it_was_looked_for(tmp_path: Path, nowhere: None) -> None:
    node = NodeFiles(folder=tmp_path)
    node.write()
    place = tmp_path / "run" / "history.sock"
    nobody = (
        f"multinet: no agent tells what it did at {place}: No such file or directory "
        "(it takes root on the node, or a shell in the agent's pod; `multinet doctor` looks after it)\n"
    )

    assert node.run("events", fails=1).stderr == nobody
    assert node.run("trace", "3f2a91c0", fails=1).stderr == nobody
    node.write(agent={"history": 0})
    assert node.run("trace", "3f2a91c0", fails=1).stderr == (
        "multinet: the agent of this node remembers nothing: its setting agent.history is 0 "
        "(the log has a line for each request)\n"
    )


def test_without_a_node_and_a_cluster_nobody_can_be_asked(nowhere: None) -> None:
    assert run("events", fails=1).stderr == (
        "multinet: no cluster is named: there is no kubeconfig, and this is not a pod "
        "(--kubeconfig names one, or --folder a folder with manifests)\n"
    )


REQUEST = Happened(
    at=1700000000.0,
    request="3f2a91c0",
    verb="ADD",
    pod="shop/web-0",
    container="c1",
    ifname="eth0",
    waited=0.25,
    seconds=0.04,
    code=11,
    error="shop/lan[bridge].ipam[host-local]: no room\nfor anybody",
    details="it said no",
    left=("could not delete lan",),
    networks=("cluster", "shop/lan"),
    phases=(
        Phase(name="lock", began=0.0, ms=0.1),
        Phase(name="plan", began=1.0, ms=9.0),
        Phase(name="delegates", began=10.0, ms=30.0),
    ),
    calls=(
        Call(network="cluster", ifname="eth0", type="bridge", verb="ADD", began=11.0, ms=10.0, failed=False),
        Call(
            network="cluster", ifname="eth0", type="host-local", verb="ADD", began=12.0, ms=4.0, failed=False
        ),
        Call(network="shop/lan", ifname="net1", type="bridge", verb="ADD", began=22.0, ms=8.0, failed=True),
        Call(network="cluster", ifname="eth0", type="bridge", verb="DEL", began=40.0, ms=0.0, failed=False),
    ),
    notes={"again": True},
)


def test_a_trace_is_a_table_with_bars(capsys: pytest.CaptureFixture[str]) -> None:
    trace.outputs.show(*trace.page(REQUEST))

    assert capsys.readouterr().out == (
        "request    3f2a91c0\n"
        "verb       ADD\n"
        "pod        shop/web-0\n"
        "container  c1\n"
        "interface  eth0\n"
        "began      2023-11-14T22:13:20Z, after 0.2 s in the queue\n"
        "took       40.0 ms\n"
        "networks   cluster, shop/lan\n"
        "note       an earlier ADD still stood\n"
        "failed     shop/lan[bridge].ipam[host-local]: no room\n"
        "           for anybody\n"
        "code       11\n"
        "details    it said no\n"
        "left       could not delete lan\n"
        "\n"
        "PART                              AT    TOOK\n"
        "lock                              0.0   0.1   ▏\n"
        "plan                              1.0   9.0    █████████\n"
        "delegates                         10.0  30.0            ██████████████████████████████\n"
        "  bridge (cluster, eth0)          11.0  10.0             ██████████\n"
        "    host-local (cluster, eth0)    12.0  4.0               ████\n"
        "  bridge (shop/lan, net1) failed  22.0  8.0                         ████████\n"
        "bridge DEL (cluster, eth0)        40.0  0.0                                          ▏\n"
    )


def test_an_event_stands_beside_the_request_that_it_tells_of() -> None:
    def raw(message: str, kind: str, when: str, **more: Any) -> dict[str, Any]:
        about = {"kind": "Pod", "namespace": "shop", "name": "web-0"}
        return {
            "involvedObject": about,
            "message": message,
            "type": kind,
            "reason": "FailedNetworks",
            "lastTimestamp": when,
            "reportingInstance": "node-1",
            "count": 3,
            **more,
        }

    events = [
        rows.event(raw("no room [3f2a91c0]", "Warning", "2023-11-14T22:13:21Z")),
        rows.event(raw("no room [00000000]", "Warning", "2023-11-14T22:13:10Z")),
        rows.event(
            raw("no file", "Warning", "soon", involvedObject={"kind": "Node", "name": "node-1"}, count=1)
        ),
    ]
    found = rows.merged("node-1", [REQUEST], events)

    assert [(row.request, row.pod, row.event and row.event.told) for row in found] == [
        ("", "node/node-1", "FailedNetworks"),
        ("00000000", "shop/web-0", "FailedNetworks x3"),
        ("3f2a91c0", "shop/web-0", "FailedNetworks x3"),
    ]
    assert [row.says for row in found] == ["no file", "no room", REQUEST.error]


def test_the_keys_that_programs_read_are_all_told_and_no_others() -> None:
    readme = (ROOT / "multinet" / "cli" / "README.md").read_text(encoding="utf-8")
    (of_events,) = re.findall(r"^\| `events` \| (.*) \|$", readme, re.MULTILINE)
    (of_trace,) = re.findall(r"^`trace` is one request: (.*?)\.$", readme, re.MULTILINE | re.DOTALL)
    told = trace.to_json(REQUEST)
    inner = {key for part in (*told["phases"], *told["calls"]) for key in part}

    assert set(re.findall(r"`(\w+)`", of_events)) == set(rows.to_json(rows.Row(node="n", happened=REQUEST)))
    assert set(re.findall(r"`(\w+)`", of_trace)) == set(told) | inner
