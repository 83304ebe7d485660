"""Pods that the runtime gave the cluster network itself, before this node had a meta plugin: those it remembers,
and those of which nobody remembers anything.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.netns import Netns
from tests.verbs.multus import FIRST, NOTHING, Network, Past, calls, left, spy
from tests.verbs.node import CLUSTER, host_local

pytestmark = [pytest.mark.kernel, pytest.mark.peer]


def test_del_clears_a_pod_that_the_runtime_gave_the_cluster_network_itself(past: Past, pod: Netns) -> None:
    """Though that is another one today: libcni remembers which it was."""
    cache = past.node.folder / "libcni"
    past.attach(pod, FIRST, cache)
    past.attach(
        pod,
        Network(name="lo", conf={"cniVersion": "1.0.0", "name": "cni-loopback", "type": "loopback"}),
        cache,
        ifname="lo",
    )
    past.node.cluster = {
        "cniVersion": "1.0.0",
        "name": "new",
        "type": "ptp",
        "ipam": host_local("10.99.0.0/24"),
    }

    past.node.do("DEL", pod)

    assert left(past, pod) == ([], [], [], ["libcni/results/cni-loopback-c1-lo"])


def test_gc_leaves_alone_what_only_the_runtimes_memory_tells_of(past: Past, pod: Netns) -> None:
    """That folder is everybody's who uses libcni on this machine."""
    network = Network(name="theirs", conf={**CLUSTER, "name": "theirs"})
    past.attach(pod, network, past.node.folder / "libcni")

    past.node.gc()

    assert (pod.links(), list(past.node.addresses("theirs").values())) == (["eth0"], ["c1 eth0"])
    assert past.files() == ["libcni/results/theirs-c1-eth0"]


def test_del_without_any_memory_asks_the_cluster_network(past: Past, pod: Netns, tmp_path: Path) -> None:
    result = past.attach(pod, FIRST, tmp_path / "forgotten")
    assert list(past.node.addresses().values()) == ["c1 eth0"]

    past.node.do("DEL", pod, conf={"prevResult": result})
    past.node.do("DEL", pod)

    assert left(past, pod) == NOTHING


def test_the_cluster_network_is_told_the_runtimes_result(past: Past, pod: Netns) -> None:
    spy(past, "spy")
    past.node.cluster = {"cniVersion": "1.0.0", "name": "cluster", "type": "spy"}
    result = {"cniVersion": "1.1.0", "dns": {"domain": "x"}}

    past.node.do("DEL", pod, conf={"prevResult": result})
    past.node.do("DEL", pod, conf={"prevResult": {"cniVersion": "9"}})

    args = "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart"
    assert calls(past) == [
        ("DEL", "eth0", args, "cluster", {"cniVersion": "1.0.0", "dns": {"domain": "x"}}, False),
        ("DEL", "eth0", args, "cluster", None, False),
    ]


def test_what_the_cluster_network_answers_to_such_a_del_is_the_answer(past: Past, pod: Netns) -> None:
    program = past.node.folder / "bin" / "sulk"
    program.write_text('#!/bin/sh\necho \'{"code": 117, "msg": "my datastore is away"}\'; exit 1\n')
    program.chmod(0o755)
    past.node.cluster = {"cniVersion": "1.0.0", "name": "cluster", "type": "sulk"}

    assert past.node.refusal("DEL", pod) == {"code": 117, "msg": "cluster[sulk]: my datastore is away"}


BROKEN = {
    "its executable is not there": (
        {"cniVersion": "1.0.0", "name": "cluster", "type": "gone"},
        'cluster[gone]: failed to find plugin "gone" in path [/opt/cni/bin $FOLDER/bin]',
        "install the executable on this node, or correct the configuration's 'type'",
    ),
    "its configuration is broken": (
        {"cniVersion": "1.0.0", "name": "cluster", "plugins": []},
        "delegates[0]: error parsing configuration list: no plugins in list",
        None,
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_container_that_nobody_set_up_ends_though_the_cluster_network_cant_be_asked(
    past: Past, pod: Netns, broken: str
) -> None:
    pod.ip("link", "set", "lo", "up")
    past.node.cluster = BROKEN[broken][0]

    past.node.do("DEL", pod)
    past.node.do("DEL", "")


@pytest.mark.parametrize("broken", BROKEN)
def test_a_container_that_somebody_set_up_waits_for_the_cluster_network(
    past: Past, pod: Netns, tmp_path: Path, broken: str
) -> None:
    past.attach(pod, FIRST, tmp_path / "forgotten")
    past.node.cluster, why, hint = BROKEN[broken]

    said = past.node.refusal("DEL", pod)

    assert (said["code"], said["msg"], said.get("details")) == (
        11,
        "container c1 has links that are not on record, and the cluster network that may have made them can't be "
        f"asked: {why}",
        hint,
    )
    past.node.cluster = dict(CLUSTER)
    past.node.do("DEL", pod)
    assert left(past, pod) == NOTHING
