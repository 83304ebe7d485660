"""GC: what the runtime no longer knows goes, what it knows stays. STATUS: could an ADD be served?"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.netns import Netns
from tests.support.wait import until
from tests.verbs.node import Node, host_local

pytestmark = pytest.mark.kernel


@pytest.fixture
def two(node: Node, netns: Callable[..., Netns]) -> tuple[Netns, Netns]:
    """Two pods of two networks each."""
    first, second = netns("first"), netns("second")
    node.pod("first", "net-a")
    node.pod("second", "net-a")
    node.add(first, pod="first", container="c1")
    node.add(second, pod="second", container="c2")
    return first, second


def owners(node: Node, network: str) -> list[str]:
    return list(node.addresses(network).values())


def test_gc_clears_whom_the_runtime_forgot_and_keeps_the_others(node: Node, two: tuple[Netns, Netns]) -> None:
    first, second = two

    node.gc(("c2", "eth0"))

    assert node.records() == ["c2@eth0.json"]
    assert (owners(node, "cluster"), owners(node, "net-a")) == (["c2 eth0"], ["c2 net1"])
    assert (first.links(), sorted(second.links())) == ([], ["eth0", "net1"])
    node.do("CHECK", second, pod="second", container="c2")


def test_gc_clears_also_whose_namespace_is_gone(node: Node, two: tuple[Netns, Netns]) -> None:
    node.host.run("ip", "netns", "delete", two[0].name)

    node.gc(("c2", "eth0"))

    assert (owners(node, "cluster"), owners(node, "net-a")) == (["c2 eth0"], ["c2 net1"])
    until(lambda: len([link for link in node.host.links() if link.startswith("veth")]) == 2)


HANGING = """\
#!/bin/sh
cat > /dev/null
[ "$CNI_COMMAND" = GC ] && echo "$CNI_COMMAND" > {folder}/came && exec sleep 60
[ "$CNI_COMMAND" = ADD ] && echo '{{"cniVersion":"1.1.0","interfaces":[],"ips":[]}}'
exit 0
"""


def test_a_program_that_hangs_in_gc_holds_up_adds_for_some_seconds_only(
    node: Node, two: tuple[Netns, Netns], netns: Callable[..., Netns], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of our own networks, and of the program's: each ADD waits for the one network that is being told."""
    monkeypatch.setattr("multinet.verbs.gc.PROGRAMS_SECONDS", 1.0)
    program = node.folder / "bin" / "hanging"
    program.parent.mkdir()
    program.write_text(HANGING.format(folder=node.folder))
    program.chmod(0o755)
    node.define("net-h", type="hanging")
    node.pod("third", "net-h")
    node.add(netns("third"), pod="third", container="c3")
    node.pod("fourth", "net-h")

    with ThreadPoolExecutor(max_workers=1) as runtime:
        collecting = runtime.submit(node.refusal, "GC", conf={"cni.dev/valid-attachments": []})
        until((node.folder / "came").exists, seconds=20, what="GC to hang")
        fourth = netns("fourth")
        node.add(fourth, pod="fourth", container="c4")

    assert collecting.result() == {
        "code": 11,
        "msg": "default/net-h[hanging]: hanging GC did not end within 1 seconds and was stopped",
        "details": "look at what $FOLDER/bin/hanging waits for",
    }
    assert node.records() == ["c4@eth0.json"]
    node.do("CHECK", fourth, pod="fourth", container="c4")


def test_gc_leaves_alone_who_has_the_forgotten_ones_path_now(
    node: Node, two: tuple[Netns, Netns], netns: Callable[..., Netns]
) -> None:
    """Paths such as /proc/<pid>/ns/net are used again."""
    first, _ = two
    node.host.run("ip", "netns", "delete", first.name)
    until(lambda: len([link for link in node.host.links() if link.startswith("veth")]) == 2)
    node.host.run("ip", "netns", "add", first.name)
    first.ip("link", "add", "eth0", "type", "veth", "peer", "name", "net1")

    node.gc(("c2", "eth0"))

    assert sorted(first.links()) == ["eth0", "net1"]
    assert node.records() == ["c2@eth0.json"]


def test_gc_does_not_send_executables_to_who_has_the_forgotten_ones_path_now(
    node: Node, two: tuple[Netns, Netns]
) -> None:
    first, _ = two
    program = node.folder / "bin" / "stranger"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncat > /dev/null\necho "$CNI_COMMAND $CNI_CONTAINERID [$CNI_NETNS]" >> {node.folder}/calls\n'
    )
    program.chmod(0o755)
    node.rewrite_record('"type": "bridge"', '"type": "stranger"')
    node.host.run("ip", "netns", "delete", first.name)
    node.host.run("ip", "netns", "add", first.name)

    node.gc(("c2", "eth0"))

    dels = [line for line in (node.folder / "calls").read_text().splitlines() if line.startswith("DEL")]
    assert dels == ["DEL c1 []", "DEL c1 []"]


def test_gc_clears_one_whose_path_leads_to_the_host_by_now(node: Node, two: tuple[Netns, Netns]) -> None:
    """A process id is used again, and so is /proc/<pid>/ns/net."""
    first, _ = two
    node.rewrite_record(first.path, node.host.path)

    node.gc(("c2", "eth0"))

    assert (owners(node, "cluster"), node.records()) == (["c2 eth0"], ["c2@eth0.json"])


def test_gc_clears_the_forgotten_though_the_cluster_network_is_broken(
    node: Node, two: tuple[Netns, Netns]
) -> None:
    node.cluster["plugins"] = []

    said = node.refusal("GC", conf={"cni.dev/valid-attachments": []})

    assert said["msg"] == "delegates[0]: error parsing configuration list: no plugins in list"
    assert (node.addresses("cluster"), node.addresses("net-a"), node.records()) == ({}, {}, [])


def test_gc_of_everything(node: Node, two: tuple[Netns, Netns]) -> None:
    node.gc()

    assert [namespace.links() for namespace in two] == [[], []]
    assert (node.addresses("cluster"), node.addresses("net-a"), node.records()) == ({}, {}, [])


def test_gc_frees_addresses_that_leaked_past_the_records(node: Node, two: tuple[Netns, Netns]) -> None:
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").unlink()

    node.gc(("c2", "eth0"))

    assert (owners(node, "cluster"), owners(node, "net-a")) == (["c2 eth0"], ["c2 net1"])


def test_gc_tells_an_executable_what_libcni_would(node: Node, pod: Netns) -> None:
    """The list of what is valid under both its names, of which the second is a mistake that some plugin may read."""
    program = node.folder / "bin" / "stranger"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nset -e\ntest "$CNI_COMMAND" = GC\ncat > {node.folder}/told\n')
    program.chmod(0o755)
    node.cluster = {"cniVersion": "1.1.0", "name": "cluster", "type": "stranger"}

    node.gc(("c2", "eth0"), ("c1", "eth0"))

    valid = [{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c2", "ifname": "eth0"}]
    assert json.loads((node.folder / "told").read_text()) == {
        "cniVersion": "1.1.0",
        "name": "cluster",
        "type": "stranger",
        "cni.dev/valid-attachments": valid,
        "cni.dev/attachments": valid,
    }


def test_gc_spares_further_networks_while_pods_run_that_we_did_not_attach(
    node: Node, two: tuple[Netns, Netns]
) -> None:
    """What those hold of a further network is in nobody's list: not the runtime's, nor our records."""
    (node.folder / "state" / "sandboxes" / "c1@eth0.json").unlink()

    node.gc(("c1", "eth0"), ("c2", "eth0"))

    assert owners(node, "cluster") == ["c1 eth0", "c2 eth0"]
    assert owners(node, "net-a") == ["c1 net1", "c2 net1"]


def test_gc_without_a_list_does_nothing(node: Node, two: tuple[Netns, Netns]) -> None:
    before = node.left()

    node.do("GC")

    assert node.left() == before


def test_gc_goes_on_when_one_pod_cant_be_cleared(node: Node, two: tuple[Netns, Netns]) -> None:
    node.rewrite_record('"type": "bridge"', '"type": "vanished"')

    said = node.refusal("GC", conf={"cni.dev/valid-attachments": []})

    assert (
        said["msg"]
        == 'cluster[vanished]: failed to find plugin "vanished" in path [/opt/cni/bin $FOLDER/bin]'
    )
    assert node.records() == ["c1@eth0.json"]
    assert two[1].links() == []


def test_status_of_a_node_that_can_serve(node: Node) -> None:
    node.do("STATUS")

    assert node.host.links() == []


def test_status_when_the_cluster_network_is_not_ready(node: Node) -> None:
    node.settings["readinessIndicatorFile"] = "$FOLDER/ready"

    assert node.refusal("STATUS") == {
        "code": 50,
        "msg": "the cluster network is not ready: $FOLDER/ready is not there",
        "details": "its own agent on this node makes that file",
    }
    (node.folder / "ready").touch()
    node.do("STATUS")


def test_status_when_no_record_can_be_written(node: Node) -> None:
    (node.folder / "file").touch()

    assert node.refusal("STATUS", conf={"stateDir": "$FOLDER/file/state"}) == {
        "code": 50,
        "msg": "could not make the folder $FOLDER/file: File exists",
        "details": "what has that name is no folder",
    }


def test_status_when_the_cluster_network_is_broken(node: Node) -> None:
    node.cluster["ipam"] = {"type": "host-local", "ranges": []}

    assert node.refusal("STATUS") == {
        "code": 50,
        "msg": "cluster[bridge][host-local]: no IP ranges specified",
        "details": "give ipam.ranges at least one range set",
    }


def test_status_when_the_cluster_network_has_no_address_left(node: Node, pod: Netns) -> None:
    node.cluster["ipam"] = host_local("10.80.0.0/30")
    node.pod("cart")
    node.add(pod)

    said = node.refusal("STATUS")

    assert (said["code"], said["msg"]) == (
        50,
        "cluster[bridge][host-local]: no IP addresses available in range set: 10.80.0.1-10.80.0.2",
    )
