"""Clearing up unasked: what no sandbox owns goes, a bounded number a round; what a sandbox may own stays."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multinet.__main__ import open_node
from multinet.cni.request import Request
from multinet.config import Settings
from multinet.verbs.reconcile import Memory, Report, reconcile
from tests.support.netns import Netns
from tests.support.plugins import within
from tests.support.wait import until
from tests.verbs.node import Node

pytestmark = pytest.mark.kernel

Round = Callable[..., Report]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def look(node: Node, memory: Memory) -> Round:
    """One round, as an agent of this node does it."""

    def run(most: int = 64) -> Report:
        env = {"CNI_COMMAND": "STATUS", "CNI_PATH": str(node.folder / "bin")}
        request = Request.parse(env, json.dumps(node.conf()).encode())
        doors = open_node(request, Settings.parse(request.conf.raw), env)
        return within(node.host, lambda: reconcile(doors, most=most, memory=memory))

    return run


def record_file(node: Node, container: str = "c1") -> Path:
    return node.folder / "state" / "sandboxes" / f"{container}@eth0.json"


def change(node: Node, container: str = "c1", **changes: Any) -> None:
    file = record_file(node, container)
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def of_older_boot(node: Node, container: str = "c1") -> None:
    change(node, container, bootID="11111111-2222-3333-4444-555555555555")


def unfinished(node: Node, container: str = "c1") -> None:
    document = json.loads(record_file(node, container).read_text())
    for attachment in document["attachments"]:
        del attachment["result"]
    change(node, container, phase="intended", attachments=document["attachments"])


def end(node: Node, pod: Netns) -> None:
    """The namespace goes, and with it its links."""
    node.host.run("ip", "netns", "delete", pod.name)
    until(lambda: not [link for link in node.host.links() if link.startswith("veth")])


def held(node: Node) -> tuple[list[str], dict[str, str], dict[str, str]]:
    return node.records(), node.addresses("cluster"), node.addresses("net-a")


def test_a_round_on_a_node_in_order_does_nothing(node: Node, pod: Netns, look: Round) -> None:
    node.add(pod)
    before = node.left()

    assert (look(), look()) == (Report(), Report())
    assert node.left() == before
    node.do("CHECK", pod)


def test_what_an_older_boot_left_is_cleared_at_once(node: Node, pod: Netns, look: Round) -> None:
    node.add(pod)
    end(node, pod)
    of_older_boot(node)

    report = look()

    assert held(node) == ([], {}, {})
    assert (report.cleared, report.left) == (1, 0)
    assert report.said() == {"cleared": {"older boot": 1}, "files": 0}
    assert [str(one) for one in report.removed] == ["eth0 of container c1 of pod default/cart (older boot)"]


def test_who_has_the_path_of_an_older_boots_sandbox_now_is_left_alone(
    node: Node, pod: Netns, look: Round
) -> None:
    node.add(pod)
    of_older_boot(node)

    look()

    assert (held(node), sorted(pod.links())) == (([], {}, {}), ["eth0", "net1"])


def test_an_add_that_never_ended_is_cleared_when_its_namespace_is_gone(
    node: Node, pod: Netns, look: Round
) -> None:
    node.add(pod)
    unfinished(node)
    assert look() == Report()  # the runtime's DEL is to come
    end(node, pod)

    report = look()

    assert held(node) == ([], {}, {})
    assert report.said() == {"cleared": {"ADD never ended": 1}, "files": 0}


def test_a_namespace_that_is_gone_is_believed_in_the_second_round(
    node: Node, pod: Netns, look: Round
) -> None:
    node.add(pod)
    end(node, pod)

    first = look()

    assert node.records() == ["c1@eth0.json"]
    assert first.said() == {
        "cleared": {},
        "files": 0,
        "left": [
            "eth0 of container c1 of pod default/cart (namespace gone): its namespace is gone since this round; "
            "the next one clears it"
        ],
    }
    assert look().said() == {"cleared": {"namespace gone": 1}, "files": 0}
    assert held(node) == ([], {}, {})


def test_a_namespace_that_is_back_in_between_starts_anew(node: Node, pod: Netns, look: Round) -> None:
    node.add(pod)
    end(node, pod)
    assert look().left == 1
    node.host.run("ip", "netns", "add", pod.name)
    assert look() == Report()
    node.host.run("ip", "netns", "delete", pod.name)

    assert (look().left, node.records()) == (1, ["c1@eth0.json"])


@pytest.mark.parametrize(
    "place", ["an empty folder", "no folder", "a folder of other things", "of a process"]
)
def test_a_folder_that_may_not_be_the_hosts_proves_nothing(
    node: Node, pod: Netns, look: Round, tmp_path: Path, place: str
) -> None:
    node.add(pod)
    (tmp_path / "netns").mkdir()
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "thing").touch()
    paths = {
        "an empty folder": str(tmp_path / "netns" / "cni-1"),
        "no folder": str(tmp_path / "missing" / "cni-1"),
        "a folder of other things": str(tmp_path / "things" / "cni-1"),
        "of a process": "/proc/4194303/ns/net",
    }
    change(node, netns=paths[place])

    assert (look(), look()) == (Report(), Report())
    assert node.records() == ["c1@eth0.json"]


def test_a_pod_that_is_not_in_the_cluster_any_more_is_no_reason(node: Node, pod: Netns, look: Round) -> None:
    node.add(pod)
    (node.folder / "cluster" / "pod-default-cart.json").unlink()

    assert (look(), look()) == (Report(), Report())
    node.do("CHECK", pod)


def test_a_sandbox_that_a_request_works_on_is_not_touched(node: Node, pod: Netns, look: Round) -> None:
    from multinet.state.attachments import Attachments

    node.add(pod)
    end(node, pod)
    of_older_boot(node)

    with Attachments(node.folder / "state").lock("c1"):
        report = look()

    assert (report.cleared, [one.why for one in report.stuck]) == (0, ["a request works on it"])
    assert node.records() == ["c1@eth0.json"]
    assert look().cleared == 1


def test_two_rounds_never_run_at_once(node: Node, pod: Netns, look: Round, memory: Memory) -> None:
    node.add(pod)
    of_older_boot(node)

    with memory.turn:
        assert look() == Report()

    assert look().cleared == 1


def test_a_round_takes_no_more_than_it_may_and_the_next_goes_on(
    node: Node, netns: Callable[..., Netns], look: Round
) -> None:
    for number in range(1, 4):
        node.add(netns(f"pod{number}"), container=f"c{number}")
        of_older_boot(node, f"c{number}")

    reports = [look(most=2), look(most=2)]

    assert [(one.cleared, one.waiting, one.left) for one in reports] == [(2, 1, 1), (1, 0, 0)]
    assert reports[0].said() == {"cleared": {"older boot": 2}, "files": 0, "waiting": 1}
    assert node.records() == []


def test_what_cant_be_cleared_keeps_nobody_else_waiting(
    node: Node, netns: Callable[..., Netns], look: Round
) -> None:
    """The executable of one network is not here. What the sandbox has of others goes, and its turn comes again."""
    for number in range(1, 4):
        node.add(netns(f"pod{number}"), container=f"c{number}")
        of_older_boot(node, f"c{number}")
    file = record_file(node, "c1")
    first, second = file.read_text().split('"network": "default/net-a"')
    file.write_text(f'{first}"network": "default/net-a"{second.replace("bridge", "vanished")}')

    reports = [look(most=1) for _ in range(4)]

    assert [one.cleared for one in reports] == [0, 1, 1, 0]
    assert node.records() == ["c1@eth0.json"]
    assert list(node.addresses("cluster").values()) == []
    told = str(reports[3].stuck[0]).replace(str(node.folder), "$FOLDER")
    assert told == (
        "eth0 of container c1 of pod default/cart (older boot): default/net-a[vanished]: failed to find plugin "
        '"vanished" in path [/opt/cni/bin $FOLDER/bin] (install the executable on this node, or correct the '
        "configuration's 'type')"
    )


def test_gc_clears_what_an_older_boot_left_though_the_runtime_still_lists_it(
    node: Node, pod: Netns, netns: Callable[..., Netns]
) -> None:
    """It keeps sandboxes that ended with the machine until somebody removes them."""
    node.add(pod)
    node.add(netns("other"), container="c2")
    of_older_boot(node, "c1")

    node.gc(("c1", "eth0"), ("c2", "eth0"))

    assert (node.records(), list(node.addresses().values())) == (["c2@eth0.json"], ["c2 eth0"])
    assert list(node.addresses("net-a").values()) == ["c2 net1"]


def aged(file: Path, days: float) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    then = time.time() - days * 86400
    os.utime(file, (then, then))
    return file


def test_files_without_an_owner_go_when_they_are_old(node: Node, pod: Netns, look: Round) -> None:
    node.add(pod)
    state, devices = node.folder / "state", node.folder / "devices" / "cni"
    mine = "default-net-a-c1_net1"
    attachments = json.loads(record_file(node).read_text())["attachments"]
    change(node, attachments=[*attachments[:-1], {**attachments[-1], "deviceInfoFile": f"/elsewhere/{mine}"}])
    kept = [
        aged(devices / mine, 1),
        aged(devices / "default-net-a-c2_net1", 0),
        aged(state / "sandboxes" / ".c2@eth0.json.tmp", 0),
        aged(state / "damaged" / "c3@eth0.json", 29),
    ]
    gone = [
        aged(devices / "default-net-a-c9_net1", 1),
        aged(devices / ".default-net-a-c8_net1.tmp", 1),
        aged(state / "sandboxes" / ".c9@eth0.json.tmp", 1),
        aged(state / "damaged" / ".c9@eth0.json.tmp", 1),
        aged(state / "damaged" / "c9@eth0.json", 31),
    ]

    report = look()

    assert [file for file in gone if file.exists()] == []
    assert [file for file in kept if not file.exists()] == []
    assert (report.files, report.cleared, report.left) == (5, 5, 0)
    assert look() == Report()
