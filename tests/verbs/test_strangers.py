"""Pods that others set up before us: Multus, or the runtime with the cluster network alone. The reference's own
programs made them; our DEL and GC take them back.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.wait import until
from tests.verbs.multus import Network, Past, placed
from tests.verbs.node import CLUSTER, Node, host_local

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

FIRST = Network(name="cluster", conf=CLUSTER)
LISTED = Network(
    name="default/net-a",
    conf={
        "cniVersion": "1.0.0",
        "name": "net-a",
        "plugins": [
            {"type": "bridge", "bridge": "br1", "ipam": host_local("10.81.0.0/24")},
            {"type": "tuning", "sysctl": {"net.ipv4.conf.net1.arp_filter": "1"}},
        ],
    },
)
NAMED = Network(
    name="default/net-b",
    conf={
        "cniVersion": "0.4.0",
        "name": "net-b",
        "type": "bridge",
        "bridge": "br2",
        "ipam": host_local("10.82.0.0/24"),
    },
    ifname="data",
)
NOTHING: tuple[list[str], list[str], list[str], list[str]] = ([], [], [], [])


@pytest.fixture
def past(node: Node, peers: Path) -> Past:
    (node.folder / "bin").mkdir()
    (node.folder / "bin" / "tuning").symlink_to(peers / "tuning")  # that one is not ours
    return Past(node=node, peers=peers)


@pytest.fixture
def three(past: Past, pod: Netns) -> Netns:
    """A pod of three networks that Multus set up."""
    past.multus(pod, *(placed(past, one) for one in (FIRST, LISTED, NAMED)))
    return pod


def left(past: Past, pod: Netns) -> tuple[list[str], list[str], list[str], list[str]]:
    """Links in the pod, the host's ends, addresses, what is remembered."""
    node = past.node
    ends = [link for link in node.host.links() if link.startswith("veth")]
    held = [
        f"{network} {address}"
        for network in ("cluster", "net-a", "net-b")
        for address in node.addresses(network)
    ]
    return pod.links(), ends, held, past.files()


def test_del_clears_a_pod_of_multus(past: Past, three: Netns) -> None:
    assert sorted(three.links()) == ["data", "eth0", "net1"]
    assert len(past.files()) == 4

    past.node.do("DEL", three)

    assert left(past, three) == NOTHING


def test_del_clears_a_pod_of_multus_whose_namespace_is_gone(past: Past, three: Netns) -> None:
    past.node.host.run("ip", "netns", "delete", three.name)
    until(lambda: not [link for link in past.node.host.links() if link.startswith("veth")])

    past.node.do("DEL", "")

    assert (past.node.addresses(), past.node.addresses("net-a"), past.files()) == ({}, {}, [])


def test_a_del_that_fails_keeps_what_multus_remembered(past: Past, three: Netns) -> None:
    scratch = past.scratch / "c1"
    entries = json.loads(scratch.read_text())
    cache = past.scratch / "results" / "net-b-c1-data"
    known = json.loads(cache.read_text())
    scratch.write_text(json.dumps([*entries[:2], {**entries[2], "Bytes": vanished(known["config"])}]))
    cache.write_text(json.dumps({**known, "config": vanished(known["config"])}))

    said = past.node.refusal("DEL", three)

    assert (
        said["msg"]
        == 'default/net-b[vanished]: failed to find plugin "vanished" in path [/opt/cni/bin $FOLDER/bin]'
    )
    assert (three.links(), len(past.files())) == (["data"], 4)
    scratch.write_text(json.dumps(entries))
    cache.write_text(json.dumps(known))
    past.node.do("DEL", three)
    assert left(past, three) == NOTHING


def vanished(config: str) -> str:
    return base64.b64encode(base64.b64decode(config).replace(b'"bridge",', b'"vanished",')).decode()


def test_plugins_are_called_in_reverse_order_each_with_its_result_and_arguments(
    past: Past, pod: Netns
) -> None:
    spy(past, "spy")
    networks = [
        Network(name="cluster", conf={"cniVersion": "1.0.0", "name": "cluster", "type": "spy"}),
        Network(
            name="default/two",
            conf={
                "cniVersion": "1.0.0",
                "name": "two",
                "plugins": [{"type": "spy"}, {"type": "spy", "last": 1}],
            },
        ),
    ]
    spies = Past(node=past.node, peers=past.node.folder / "bin")
    spies.multus(pod, *networks)
    (past.node.folder / "calls").unlink()

    past.node.do("DEL", pod)

    args = "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart"
    assert calls(past) == [
        ("DEL", "net1", args, "two", {"cniVersion": "1.0.0", "dns": {"domain": "two"}}, True),
        ("DEL", "net1", args, "two", {"cniVersion": "1.0.0", "dns": {"domain": "two"}}, False),
        ("DEL", "eth0", args, "cluster", {"cniVersion": "1.0.0", "dns": {"domain": "cluster"}}, False),
    ]
    assert past.files() == []


def spy(past: Past, name: str) -> None:
    """An executable that notes what it is called with; its result holds the network's name."""
    program = past.node.folder / "bin" / name
    program.write_text(
        "#!/usr/bin/python3\n"
        "import json, os, sys\n"
        "conf = json.load(sys.stdin)\n"
        "said = {key: os.environ.get(key) for key in ('CNI_COMMAND', 'CNI_IFNAME', 'CNI_ARGS')}\n"
        f"with open({str(past.node.folder / 'calls')!r}, 'a') as file:\n"
        "    file.write(json.dumps([said, conf]) + '\\n')\n"
        "print(json.dumps({'cniVersion': conf['cniVersion'], 'dns': {'domain': conf['name']}}))\n"
    )
    program.chmod(0o755)


def calls(past: Past) -> list[tuple[Any, ...]]:
    found = []
    for line in (past.node.folder / "calls").read_text().splitlines():
        env, conf = json.loads(line)
        found.append((*env.values(), conf["name"], conf.get("prevResult"), "last" in conf))
    return found


def test_what_a_failed_add_of_multus_left_is_deleted_with_the_arguments_of_the_request(
    past: Past, pod: Netns
) -> None:
    """Then libcni remembers nothing, and only the scratch file tells of the networks."""
    spy(past, "spy")
    conf = {"cniVersion": "1.0.0", "name": "cluster", "type": "spy"}
    past.multus(pod, Network(name="cluster", conf=conf, cached=False))

    past.node.do("DEL", pod)

    assert calls(past) == [
        (
            "DEL",
            "eth0",
            "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart",
            "cluster",
            None,
            False,
        )
    ]
    assert past.files() == []


def test_an_interface_that_was_plugged_in_later_goes_too(past: Past, pod: Netns) -> None:
    past.multus(pod, placed(past, FIRST), plugged_in=(placed(past, NAMED),))
    assert sorted(pod.links()) == ["data", "eth0"]

    past.node.do("DEL", pod)

    assert left(past, pod) == NOTHING


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "an empty list": lambda data: b"[]",
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda data: b"",
    "null": lambda data: b"null",
    "a list of something else": lambda data: b"[1, 2]",
    "no UTF-8": lambda data: b"\xff" + data,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_libcnis_memory_is_enough_when_multuss_own_is_damaged(past: Past, three: Netns, damage: str) -> None:
    scratch = past.scratch / "c1"
    scratch.write_bytes(DAMAGES[damage](scratch.read_bytes()))

    past.node.do("DEL", three)

    assert left(past, three) == NOTHING


@pytest.mark.parametrize("damage", DAMAGES)
def test_multuss_memory_is_enough_when_libcnis_is_damaged(past: Past, three: Netns, damage: str) -> None:
    for file in (past.scratch / "results").iterdir():
        file.write_bytes(DAMAGES[damage](file.read_bytes()))

    past.node.do("DEL", three)

    assert left(past, three) == NOTHING


def test_a_pod_ends_though_all_that_was_remembered_of_it_is_damaged(past: Past, three: Netns) -> None:
    """The cluster network's part goes now, the other addresses when GC comes for those networks."""
    for file in (past.scratch / "c1", *(past.scratch / "results").iterdir()):
        file.write_bytes(bytes(100))

    past.node.do("DEL", three)

    assert (past.node.addresses(), past.files()) == ({}, [])


def test_check_claims_nothing_about_a_pod_of_multus(past: Past, three: Netns) -> None:
    """Multus moves default routes after the plugins are done, and remembers that in its own way."""
    three.ip("route", "delete", "default")

    past.node.do("CHECK", three)

    assert len(past.files()) == 4


def test_gc_clears_pods_of_multus_that_the_runtime_forgot_and_keeps_the_others(
    past: Past, three: Netns, netns: Callable[..., Netns]
) -> None:
    other = netns("other")
    past.multus(other, *(placed(past, one) for one in (FIRST, LISTED)), container="c2")

    past.node.gc(("c2", "eth0"))

    assert (three.links(), sorted(other.links())) == ([], ["eth0", "net1"])
    assert past.files() == ["multus/c2", "multus/results/cluster-c2-eth0", "multus/results/net-a-c2-net1"]
    held = [list(past.node.addresses(network).values()) for network in ("cluster", "net-a", "net-b")]
    assert held == [["c2 eth0"], ["c2 net1"], []]


def test_gc_frees_what_leaked_beside_a_pod_of_multus(past: Past, three: Netns) -> None:
    """Its networks are known, so what nobody has of them can be told from what it has."""
    (past.node.folder / "addresses" / "net-a" / "10.81.0.77").write_text("c9\r\nnet1")

    past.node.gc(("c1", "eth0"))

    assert list(past.node.addresses("net-a").values()) == ["c1 net1"]
    assert len(past.files()) == 4


def test_gc_spares_further_networks_while_a_pod_runs_of_which_not_all_is_known(
    past: Past, three: Netns
) -> None:
    (past.scratch / "c1").write_bytes(b"")
    (past.scratch / "results" / "net-a-c1-net1").unlink()
    past.node.pod("mine", "net-a")

    past.node.gc(("c1", "eth0"))

    assert list(past.node.addresses("net-a").values()) == ["c1 net1"]
    assert sorted(three.links()) == ["data", "eth0", "net1"]


def test_a_scratch_file_that_leads_back_to_a_meta_plugin_is_not_followed(past: Past, pod: Netns) -> None:
    conf = {"cniVersion": "1.0.0", "name": "multinet", "type": "multinet"}
    past.multus(pod, Network(name="multinet", conf=conf, cached=False))

    past.node.do("DEL", pod)

    assert past.files() == []


def test_our_own_record_counts_before_what_multus_remembers(past: Past, pod: Netns) -> None:
    past.node.add(pod)
    conf = {"cniVersion": "1.0.0", "name": "multinet", "type": "multinet"}
    past.multus(pod, Network(name="multinet", conf=conf, cached=False))

    past.node.do("DEL", pod)

    assert (pod.links(), past.node.records(), past.files()) == ([], [], ["multus/c1"])


# Set up by the runtime, with the cluster network alone


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
