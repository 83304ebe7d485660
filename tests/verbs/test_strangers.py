"""Pods that others set up before us: Multus, or the runtime with the cluster network alone. The reference's own
programs made them; our DEL and GC take them back.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from tests.support.netns import Netns
from tests.support.wait import until
from tests.verbs.multus import FIRST, NOTHING, Network, Past, calls, left, placed, spy
from tests.verbs.node import host_local

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

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


@pytest.fixture
def three(past: Past, pod: Netns) -> Netns:
    """A pod of three networks that Multus set up."""
    past.multus(pod, *(placed(past, one) for one in (FIRST, LISTED, NAMED)))
    return pod


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


def test_a_device_that_a_pod_of_multus_has_is_not_given_again(
    past: Past, pod: Netns, netns: Callable[..., Netns]
) -> None:
    past.multus(pod, placed(past, FIRST), placed(past, NAMED))
    scratch = past.scratch / "c1"
    entries = json.loads(scratch.read_text())
    scratch.write_text(json.dumps([entries[0], {**entries[1], "deviceID": "0000:03:02.0"}]))
    past.node.pod("mine", [{"name": "net-a", "deviceID": "0000:03:02.0"}])

    said = past.node.refusal("ADD", netns("mine"), pod="mine", container="c2")

    assert (said["code"], said["msg"]) == (
        11,
        "the device '0000:03:02.0' for default/net-a is not free: the sandbox c1 of the pod default/cart has it for "
        "default/net-b",
    )
