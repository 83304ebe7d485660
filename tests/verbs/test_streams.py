"""Called as an executable by somebody who closed one of the standard streams, or stopped listening."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.support.netns import Netns
from tests.verbs.node import Node

pytestmark = pytest.mark.kernel


def ask(node: Node, pod: Netns, shell: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """``exec python -m multinet`` in a shell, which may close a stream of it first."""
    env: Mapping[str, str] = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": pod.path,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/nonexistent",
        "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart",
        "PATH": os.environ["PATH"],
    }
    conf = node.conf(logLevel="info", **settings)
    command = f"exec {sys.executable} -m multinet {shell}"
    return node.host.run("sh", "-c", command, input=json.dumps(conf), env=env, check=False)


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_a_log_that_nobody_takes_neither_breaks_the_answer_nor_the_add(
    node: Node, pod: Netns, shell: str
) -> None:
    done = ask(node, pod, shell)

    assert done.returncode == 0, done.stdout
    assert [ip["address"] for ip in json.loads(done.stdout)["ips"]] == ["10.80.0.2/24"]
    assert sorted(pod.links()) == ["eth0", "net1"]


def test_closed_input_is_an_error_of_ours(node: Node, pod: Netns) -> None:
    done = ask(node, pod, "<&-")

    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 6)


def test_an_answer_that_nobody_takes_fails_in_a_sentence_and_del_still_clears(node: Node, pod: Netns) -> None:
    done = ask(node, pod, ">/dev/full")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "multinet: could not answer: No space left on device"
    node.do("DEL", pod)
    assert (pod.links(), node.addresses("cluster"), node.records()) == ([], {}, [])
