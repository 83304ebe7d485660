"""ADD of what is there already, wholly or in part; DEL of what is not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.faults import facts
from tests.support.netns import Netns
from tests.verbs.node import Node

pytestmark = pytest.mark.kernel


def test_a_second_add_gets_the_same_answer_and_takes_nothing_new(node: Node, pod: Netns) -> None:
    first = node.add(pod)
    before, inside, said = node.left(), facts.of_container(pod), node.status()

    assert node.add(pod) == first
    assert (node.left(), facts.of_container(pod), node.status()) == (before, inside, said)


def test_a_second_add_writes_a_status_that_is_missing(node: Node, pod: Netns) -> None:
    """The first may have died between its record and its status."""
    node.add(pod)
    said = node.status()
    (node.folder / "cluster" / "default.cart.status.json").unlink()

    node.add(pod)

    assert node.status() == said


def test_an_add_after_a_partial_loss_makes_everything_anew(node: Node, pod: Netns) -> None:
    node.add(pod)
    pod.ip("link", "delete", "net1")

    node.add(pod)

    assert sorted(pod.links()) == ["eth0", "net1"]
    assert list(node.addresses("cluster").values()) == ["c1 eth0"]
    assert list(node.addresses("net-a").values()) == ["c1 net1"]
    node.do("CHECK", pod)


def test_an_add_after_the_annotation_changed_gives_what_is_asked_for_now(node: Node, pod: Netns) -> None:
    node.add(pod)
    node.pod("cart", "net-b@data")

    node.add(pod)

    assert sorted(pod.links()) == ["data", "eth0"]
    assert node.addresses("net-a") == {}
    assert list(node.addresses("net-b").values()) == ["c1 data"]


def test_a_refused_repetition_leaves_what_stands(node: Node, pod: Netns) -> None:
    node.add(pod)
    node.pod("cart", "net-a,missing")
    before = node.left()

    assert node.refusal("ADD", pod)["msg"] == "there is no NetworkAttachmentDefinition default/missing"
    assert node.left() == before


def test_del_may_come_twice(node: Node, pod: Netns) -> None:
    node.add(pod)
    node.do("DEL", pod)
    after = node.left()
    node.do("DEL", pod)

    assert pod.links() == []
    assert node.left() == after
    assert (node.addresses("cluster"), node.addresses("net-a"), node.records()) == ({}, {}, [])


def test_del_without_add_is_success_and_makes_nothing(node: Node, pod: Netns) -> None:
    before = node.left()

    node.do("DEL", pod)

    assert node.left() == before


def test_del_goes_by_the_day_of_add_and_not_by_todays_definitions(node: Node, pod: Netns) -> None:
    node.add(pod)
    node.define("net-a", type="macvlan", master="not-there", ipam={"type": "gone"})
    node.do("DEL", pod)

    assert (pod.links(), node.addresses("net-a"), node.records()) == ([], {}, [])


def test_del_needs_neither_definitions_nor_the_pod(node: Node, pod: Netns) -> None:
    node.add(pod)
    node.undefine("net-a")
    (node.folder / "cluster" / "pod-default-cart.json").unlink()

    node.do("DEL", pod)

    assert (pod.links(), node.addresses("net-a"), node.records()) == ([], {}, [])


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_del_clears_the_host_when_the_namespace_is_no_more(node: Node, pod: Netns, how: str) -> None:
    node.add(pod)
    node.host.run("ip", "netns", "delete", pod.name)

    node.do("DEL", pod if how == "gone" else "")

    assert (node.addresses("cluster"), node.addresses("net-a"), node.records()) == ({}, {}, [])


def test_del_with_an_empty_netns_frees_the_addresses_though_the_namespace_is_there(
    node: Node, pod: Netns
) -> None:
    node.add(pod)

    node.do("DEL", "")

    assert (node.addresses("cluster"), node.addresses("net-a"), node.records()) == ({}, {}, [])


def damage_by_cutting(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damage_by_a_bit(data: bytes) -> bytes:
    at = data.index(b'"containerID"')
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def damage_by_nothing_left(data: bytes) -> bytes:
    return b""


def damage_by_another_document(data: bytes) -> bytes:
    return b"{}"


def damage_to_a_configuration(data: bytes) -> bytes:
    return data.replace(b'"plugins"', b'"plugin s"')


DAMAGES = (
    damage_to_a_configuration,
    damage_by_cutting,
    damage_by_a_bit,
    damage_by_nothing_left,
    damage_by_another_document,
)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("meanwhile", ["nothing", "CHECK", "GC"])
def test_a_damaged_record_is_put_aside_and_del_still_clears(
    node: Node, pod: Netns, damage: Callable[[bytes], bytes], meanwhile: str
) -> None:
    """Whoever reads it first: CHECK and GC may not take from DEL that there is something to clear."""
    node.add(pod)
    record = node.folder / "state" / "sandboxes" / "c1@eth0.json"
    broken = damage(record.read_bytes())
    record.write_bytes(broken)
    if meanwhile == "CHECK":
        assert node.refusal("CHECK", pod)["code"] == 6
    if meanwhile == "GC":
        node.gc(("c1", "eth0"))

    node.do("DEL", pod)

    assert (pod.links(), node.addresses("cluster"), node.addresses("net-a"), node.records()) == (
        [],
        {},
        {},
        [],
    )
    assert (node.folder / "state" / "damaged" / "c1@eth0.json").read_bytes() == broken


def test_a_pod_ends_though_its_record_and_its_definition_are_lost(node: Node, pod: Netns) -> None:
    """Its links and its first address go now, what it had of the vanished network goes with GC."""
    node.add(pod)
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").write_text("{")
    node.undefine("net-a")

    node.do("DEL", pod)

    assert (pod.links(), node.addresses("cluster"), node.records()) == ([], {}, [])
    assert list(node.addresses("net-a").values()) == ["c1 net1"]


def test_an_add_over_a_damaged_record_clears_first(node: Node, pod: Netns) -> None:
    node.add(pod)
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").write_text("{")

    node.add(pod)

    assert list(node.addresses("cluster").values()) == ["c1 eth0"]
    node.do("CHECK", pod)


def test_a_damaged_record_does_not_stand_in_anothers_way(
    node: Node, pod: Netns, netns: Callable[..., Netns]
) -> None:
    node.add(pod)
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").write_text("{")
    node.pod("other")
    other = netns("other")

    node.add(other, container="c2", pod="other")
    node.do("CHECK", other, container="c2", pod="other")
    node.do("DEL", other, container="c2", pod="other")


def test_a_record_of_a_newer_multinet_is_told_and_kept_and_the_pod_ends(node: Node, pod: Netns) -> None:
    """What has vanished from the definitions meanwhile is cleared when that release is back."""
    node.add(pod)
    record = node.folder / "state" / "sandboxes" / "c1@eth0.json"
    written = record.read_text()
    newer = json.dumps({**json.loads(written), "version": 2})
    record.write_text(newer)

    for verb in ("CHECK", "ADD"):
        assert node.refusal(verb, pod) == {
            "code": 6,
            "msg": "the record has version 2, this multinet reads 1",
            "details": "a newer multinet wrote it: run that one, or remove the record after the pod is gone",
        }
        assert sorted(pod.links()) == ["eth0", "net1"]
    node.undefine("net-a")
    node.do("DEL", pod)
    node.do("DEL", pod)
    assert (pod.links(), node.addresses("cluster"), node.records()) == ([], {}, ["c1@eth0.json"])
    assert record.read_text() == newer
    assert list(node.addresses("net-a").values()) == ["c1 net1"]

    record.write_text(written)  # the newer release is back, and reads it
    node.do("DEL", pod)
    assert (node.addresses("net-a"), node.records()) == ({}, [])


def test_gc_spares_what_a_newer_multinet_gave(node: Node, pod: Netns) -> None:
    node.add(pod)
    record = node.folder / "state" / "sandboxes" / "c1@eth0.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "version": 2}))

    node.gc(("c1", "eth0"))

    assert list(node.addresses("cluster").values()) == ["c1 eth0"]
    assert list(node.addresses("net-a").values()) == ["c1 net1"]
    assert node.records() == ["c1@eth0.json"]


def test_an_add_into_another_namespace_takes_back_what_is_in_the_first(
    node: Node, pod: Netns, netns: Callable[..., Netns]
) -> None:
    node.add(pod)
    other = netns("other")

    node.add(other)

    assert (pod.links(), sorted(other.links())) == ([], ["eth0", "net1"])
    assert list(node.addresses("net-a").values()) == ["c1 net1"]


def test_a_del_whose_namespace_is_anothers_by_now_leaves_the_other_alone(
    node: Node, pod: Netns, netns: Callable[..., Netns]
) -> None:
    """A path may be used again; and the second DEL finds no record any more."""
    other = netns("other")
    node.add(pod)
    node.pod("shop", "net-a")
    node.add(other, container="c2", pod="shop")
    before = facts.of_container(other)

    for _ in range(2):
        node.do("DEL", other, container="c1")
        assert facts.of_container(other) == before
        assert (node.addresses("cluster"), node.records()) == ({"10.80.0.3": "c2 eth0"}, ["c2@eth0.json"])
    node.do("CHECK", other, container="c2", pod="shop")


def test_del_clears_the_other_networks_when_a_plugin_is_no_longer_there(node: Node, pod: Netns) -> None:
    node.add(pod)
    node.rewrite_record('"type": "bridge"', '"type": "vanished"', after='"network": "default/net-a"')

    assert node.refusal("DEL", pod) == {
        "code": 7,
        "msg": 'default/net-a[vanished]: failed to find plugin "vanished" in path [/opt/cni/bin $FOLDER/bin]',
        "details": "install the executable on this node, or correct the configuration's 'type'",
    }
    assert (pod.links(), node.addresses("cluster"), node.records()) == ([], {}, ["c1@eth0.json"])

    node.rewrite_record("vanished", "bridge")
    node.do("DEL", pod)
    assert (node.addresses("net-a"), node.records()) == ({}, [])


def test_a_pod_that_put_lo_into_the_group_of_its_links_still_ends(node: Node, pod: Netns) -> None:
    """The kernel refuses to delete such a group, and whoever may set links up in the pod can make one."""
    node.add(pod)
    group = pod.json("ip", "-j", "-d", "link", "show", "eth0")[0]["group"]
    pod.ip("link", "set", "lo", "group", group)

    node.do("DEL", pod)

    assert (pod.links(), node.addresses("cluster"), node.addresses("net-a"), node.records()) == (
        [],
        {},
        {},
        [],
    )


def test_a_damaged_record_of_which_no_copy_can_be_kept_does_not_stop_del(node: Node, pod: Netns) -> None:
    """As on a disk that is full."""
    node.add(pod)
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").write_text("{")
    (node.folder / "state" / "damaged").touch()

    said = node.refusal("CHECK", pod)
    node.do("DEL", pod)

    kept = "no copy could be put aside: could not make the folder $FOLDER/state/damaged: File exists"
    assert said["details"].splitlines()[-1] == kept
    assert (pod.links(), node.addresses("net-a"), node.records()) == ([], {}, [])


def test_a_damaged_record_and_a_broken_cluster_network_together_do_not_stop_del(
    node: Node, pod: Netns
) -> None:
    """The links go by their group; the addresses go with GC, once the cluster network is mended."""
    node.add(pod)
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").write_text("{")
    node.cluster["plugins"] = []

    node.do("DEL", pod)

    assert (pod.links(), node.records()) == ([], [])
    assert list(node.addresses("cluster").values()) == ["c1 eth0"]
    del node.cluster["plugins"]
    node.gc()
    assert node.addresses("cluster") == {}
