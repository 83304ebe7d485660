"""What is measured and said of real verbs over real namespaces: delegates, phases, the request's id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from multinet import log, timing
from multinet.__main__ import OTHERS, open_node
from multinet.cni import answer
from multinet.cni.request import Request, Verb
from multinet.config import Settings
from multinet.daemon.history import History
from multinet.daemon.metrics import Metrics
from multinet.delegate import serve
from multinet.verbs.add import add
from tests.daemon.observe.conftest import Logged
from tests.daemon.observe.test_log import masked
from tests.daemon.observe.test_metrics import read
from tests.support.netns import Netns
from tests.support.plugins import within
from tests.verbs.node import Node, host_local

pytestmark = pytest.mark.kernel

REQUEST = "1f2e3d4c"


@pytest.fixture
def node(host: Netns, tmp_path: Path) -> Node:
    made = Node(host=host, folder=tmp_path, settings={"logLevel": "info"})
    made.pod("cart", "net-a")
    made.define("net-a", type="bridge", bridge="br1", ipam=host_local("10.81.0.0/24"))
    return made


@pytest.fixture
def measured() -> Iterator[Metrics]:
    """Metrics that hear of every delegate's call, as the agent's do."""
    made = Metrics()
    timing.listen(made.delegate)
    yield made
    timing.listen(None)


@pytest.fixture
def remembered() -> Iterator[History]:
    made = History(10)
    log.listen(made.note)
    yield made
    log.listen(None)


Ask = Callable[[str], dict[str, Any]]


@pytest.fixture
def ask(node: Node, pod: Netns, logged: Logged) -> Ask:
    """Do a verb with a request id as the agent does; what it answers, read."""

    def perform(command: str) -> bytes:
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": "c1",
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(node.folder / "bin"),
            "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart",
        }
        request = Request.parse(env, json.dumps(node.conf()).encode())
        doors = open_node(request, Settings.parse(request.conf.raw), env)
        try:
            with log.verb(command, request=REQUEST, container="c1", ifname="eth0", caller=4711):
                if request.verb is Verb.ADD:
                    return add(request, doors)
                OTHERS[request.verb](request, doors)
                return b"{}"
        except Exception as error:
            return answer.failure(error, REQUEST)

    return lambda command: json.loads(within(node.host, lambda: perform(command)))


def delegates(measured: Metrics) -> dict[str, float]:
    """``type verb`` -> how often."""
    return {
        name.partition("{")[2].rstrip("}").replace("type=", "").replace(",verb=", " "): value
        for name, value in read(measured).items()
        if name.startswith("multinet_delegate_seconds_count")
    }


def test_each_delegate_of_each_verb_is_measured(ask: Ask, measured: Metrics):
    for command in ("ADD", "CHECK", "DEL", "STATUS"):
        assert "code" not in ask(command)

    assert delegates(measured) == {
        "bridge ADD": 2.0,
        "host-local ADD": 2.0,
        "bridge CHECK": 2.0,
        "host-local CHECK": 2.0,
        "bridge DEL": 2.0,
        "host-local DEL": 2.0,
        "bridge STATUS": 1.0,
        "host-local STATUS": 1.0,
    }
    seen = read(measured)
    whole = seen["multinet_delegate_seconds_sum{type=bridge,verb=ADD}"]
    assert 0 < seen["multinet_delegate_seconds_sum{type=host-local,verb=ADD}"] < whole < 10


def test_a_delegate_that_failed_is_measured_too(ask: Ask, node: Node, measured: Metrics):
    node.define("net-a", type="bridge", bridge="lo", ipam=host_local("10.81.0.0/24"))
    ask("ADD")

    assert delegates(measured) == {"bridge ADD": 2.0, "host-local ADD": 1.0}


def test_the_history_tells_each_call_with_its_network_and_interface(
    ask: Ask, node: Node, measured: Metrics, remembered: History
):
    node.define("net-a", type="bridge", bridge="lo", ipam=host_local("10.81.0.0/24"))
    ask("ADD")
    (told,) = remembered.recent()

    assert (told.request, told.networks) == (REQUEST, ("cluster", "default/net-a"))
    assert [(one.network, one.ifname, one.type, one.verb, one.failed) for one in told.calls] == [
        ("cluster", "eth0", "bridge", "ADD", False),
        ("cluster", "eth0", "host-local", "ADD", False),
        ("default/net-a", "net1", "bridge", "ADD", True),
    ]
    whole, ipam = told.calls[:2]
    assert 0 < whole.began < ipam.began < ipam.began + ipam.ms < whole.began + whole.ms
    assert {"lock", "plan", "gc", "turn", "delegates"} == {one.name for one in told.phases}


def test_a_delegate_that_is_called_by_its_own_name_is_measured_like_any_other(
    node: Node, pod: Netns, measured: Metrics
):
    env = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": pod.path,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/nonexistent",
    }
    stdin = json.dumps(node.conf()["delegates"][0]).encode()
    assert within(node.host, lambda: serve.serve("bridge", env, stdin)).exit_code == 0

    assert delegates(measured) == {"bridge ADD": 1.0, "host-local ADD": 1.0}


def test_nobody_is_told_when_nobody_listens(ask: Ask, measured: Metrics):
    timing.listen(None)
    ask("ADD")

    assert delegates(measured) == {}


def test_a_listener_that_comes_while_a_delegate_works_is_not_told_half(measured: Metrics):
    timing.listen(None)
    with timing.timed("bridge", "ADD"):
        timing.listen(measured.delegate)

    assert delegates(measured) == {}


def test_the_lines_of_add_check_and_del_tell_their_networks_and_phases(
    ask: Ask, logged: Logged, measured: Metrics
):
    for command in ("ADD", "ADD", "CHECK", "DEL"):
        ask(command)

    common = {
        "event": "verb done",
        "level": "info",
        "request": REQUEST,
        "container": "c1",
        "ifname": "eth0",
        "caller": 4711,
        "networks": ["cluster", "default/net-a"],
        "seconds": "T",
    }
    made = {"lock": "T", "plan": "T", "gc": "T", "turn": "T", "delegates": "T", "publish": "T"}
    stood = {"turn": "T", "lock": "T", "plan": "T", "publish": "T"}
    brief = {"lock": "T", "delegates": "T"}
    assert [masked(line) for line in logged()] == [
        {**common, "verb": "ADD", "phases": made},
        {**common, "verb": "ADD", "phases": stood, "again": True},
        {**common, "verb": "CHECK", "phases": brief},
        {**common, "verb": "DEL", "phases": brief},
    ]


def test_the_phases_are_parts_of_the_whole(ask: Ask, logged: Logged):
    ask("ADD")

    (line,) = logged()
    assert 0 < sum(line["phases"].values()) / 1000 <= line["seconds"] + 0.001
    assert line["phases"]["delegates"] > 0


def test_an_error_carries_the_id_that_its_line_has(ask: Ask, node: Node, logged: Logged):
    node.pod("cart", "net-z")
    refused = ask("ADD")

    (line,) = logged()
    assert refused["details"].splitlines()[-1] == f"request {REQUEST}"
    assert (line["event"], line["request"], line["code"]) == ("verb failed", REQUEST, refused["code"])
    assert line["error"].startswith(refused["msg"])
