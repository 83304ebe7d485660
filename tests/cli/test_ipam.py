"""``multinet ipam``: whose each address is, and that only what is certainly nobody's is given back."""

from __future__ import annotations

import base64
import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from delegates.ipam.host_local import pools as host_local
from multinet.cli.node import namespaces, pools
from multinet.cli.node.namespaces import Seen
from multinet.cli.node.pools import Use
from multinet.config import Settings
from multinet.view.journal import Journal
from tests.cli.settings_of_a_node import NodeFiles
from tests.support.netns import Netns


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeFiles:
    """One address of every kind. No interface of the machine has any but 10.244.0.8."""
    monkeypatch.setattr(namespaces, "look", lambda: Seen(addresses=frozenset({ip_address("10.244.0.8")})))
    monkeypatch.setattr(host_local, "DATA_DIR", str(tmp_path / "none"))
    made = NodeFiles(folder=tmp_path)
    made.write()
    made.record("shop/web-0", "container-1", "/proc/self/ns/net")
    made.give("pods", "10.244.0.2", "container-1\r\neth0")
    made.give("pods", "10.244.0.3", "gone\r\neth0")
    made.give("pods", "10.244.0.4", "of-the-runtime\r\neth0")
    made.give("pods", "10.244.0.5", "of-multus\r\nnet1")
    made.give("pods", "10.244.0.6", "young\r\neth0", seconds_ago=5)
    made.give("pods", "10.244.0.7", "reserved for the printer")
    made.give("pods", "10.244.0.8", "elsewhere\r\neth0")
    made.give("pods", "10.244.0.9", "damaged\r\neth0")
    made.give("lost", "10.1.0.1", "very-old")
    (tmp_path / "state" / "sandboxes" / "damaged@eth0.json").write_text("{")
    (tmp_path / "multus").mkdir()
    (tmp_path / "multus" / "of-multus").write_text("[]")
    cache = tmp_path / "libcni" / "results" / "pods-of-the-runtime-eth0"
    cache.parent.mkdir(parents=True)
    config = base64.b64encode(json.dumps(made.primary()).encode()).decode()
    cache.write_text(json.dumps({"kind": "cniCacheV1", "containerId": "of-the-runtime", "config": config}))
    return made


REMEMBERED = "its container was set up by somebody else"
LEAKED = "nobody remembers its container, and no interface has it"


def test_each_address_is_told_with_who_has_it_and_how_that_is_known(node: NodeFiles) -> None:
    lost, pods_ = node.json("ipam", fails=1)

    assert (lost["network"], lost["ranges"], lost["folder"]) == ("lost", [], str(node.ipam / "lost"))
    assert pods_["ranges"] == [
        {"first": "10.244.0.1", "last": "10.244.0.14", "size": 13, "used": 8, "free": 5}
    ]
    assert [
        (one["address"], one["use"], one["pod"], one["containerID"], one["interface"], one["why"])
        for one in (*lost["addresses"], *pods_["addresses"])
    ] == [
        ("10.1.0.1", "leaked", "", "very-old", "", LEAKED),
        ("10.244.0.2", "used", "shop/web-0", "container-1", "eth0", ""),
        ("10.244.0.3", "leaked", "", "gone", "eth0", LEAKED),
        ("10.244.0.4", "used", "", "of-the-runtime", "eth0", REMEMBERED),
        ("10.244.0.5", "used", "", "of-multus", "net1", REMEMBERED),
        ("10.244.0.6", "unknown", "", "young", "eth0", "it was given a moment ago"),
        ("10.244.0.7", "reserved", "", "", "", "it names no container"),
        (
            "10.244.0.8",
            "used",
            "",
            "elsewhere",
            "eth0",
            "nobody remembers its container, but an interface has it",
        ),
        ("10.244.0.9", "used", "", "damaged", "eth0", REMEMBERED),
    ]


def test_the_table_has_the_pools_and_the_addresses_that_need_a_look(node: NodeFiles) -> None:
    ipam = str(node.ipam)
    assert node.run("ipam", fails=1).stdout == (
        "NETWORK  RANGE                   SIZE  USED  FREE  FOLDER\n"
        f"lost     not known                     1           {ipam}/lost\n"
        f"pods     10.244.0.1-10.244.0.14  13    8     5     {ipam}/pods\n"
        "\n"
        "ADDRESS     NETWORK  STATE    POD  CONTAINER  INTERFACE\n"
        f"10.1.0.1    lost     leaked        very-old              {LEAKED}\n"
        f"10.244.0.3  pods     leaked        gone       eth0       {LEAKED}\n"
        "10.244.0.6  pods     unknown       young      eth0       it was given a moment ago\n"
        "\n"
        "`multinet ipam --free` gives leaked addresses back\n"
    )


def test_leaked_addresses_are_given_back_after_a_question_and_no_others(node: NodeFiles) -> None:
    before = {file.name for file in (node.ipam / "pods").iterdir()}
    refused = node.run("ipam", "pods", "--free", fails=1, input="n\n")
    assert {file.name for file in (node.ipam / "pods").iterdir()} == before
    done = node.run("ipam", "pods", "--free", input="y\n")

    assert refused.stderr == (
        "ADDRESS     NETWORK  CONTAINER  INTERFACE\n"
        "10.244.0.3  pods     gone       eth0\n"
        "give this address back? [y/N]: n\n"
        "Aborted!\n"
    )
    assert done.stderr.splitlines()[-1] == "freed 10.244.0.3 of pods"
    assert before - {file.name for file in (node.ipam / "pods").iterdir()} == {"10.244.0.3"}
    assert (node.ipam / "lost" / "10.1.0.1").exists()


def test_with_yes_nothing_is_asked_and_the_exit_status_is_0_when_all_are_back(node: NodeFiles) -> None:
    done = node.run("ipam", "--free", "--yes")

    assert done.stderr == "freed 10.1.0.1 of lost\nfreed 10.244.0.3 of pods\n"
    assert node.run("ipam", "--free", "--yes").stderr == "no address is leaked\n"


def test_where_namespaces_can_not_be_seen_nothing_counts_as_leaked(
    node: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        namespaces, "look", lambda: Seen(why_not_all="only root sees every network namespace")
    )
    done = node.run("ipam", "lost", "--free", "--yes")

    assert (node.ipam / "lost" / "10.1.0.1").exists()
    assert done.stdout.splitlines()[-1].endswith(
        "unknown       very-old              only root sees every network namespace"
    )


def test_an_address_whose_container_came_back_meanwhile_is_kept(node: NodeFiles) -> None:
    settings = Settings.load(node.config)
    (view,) = [
        one for one in pools.look(settings, Journal.read(settings.state_dir)) if one.pool.network == "pods"
    ]
    (leaked,) = view.of(Use.LEAKED)
    node.record("shop/web-2", "gone", "/run/netns/none")

    assert pools.free(settings, view.pool, leaked) == "its container has come back"
    node.attachments.forget("gone", "eth0")
    (node.ipam / "pods" / "10.244.0.3").write_bytes(b"another\r\neth0")
    assert pools.free(settings, view.pool, leaked) == "somebody else has it by now"
    assert (node.ipam / "pods" / "10.244.0.3").exists()


def test_one_that_a_request_works_on_is_kept(node: NodeFiles) -> None:
    settings = Settings.load(node.config)
    (view,) = [
        one for one in pools.look(settings, Journal.read(settings.state_dir)) if one.pool.network == "pods"
    ]
    (leaked,) = view.of(Use.LEAKED)

    with node.attachments.lock("gone"):
        assert pools.free(settings, view.pool, leaked) == "a request works on its container"
    assert pools.free(settings, view.pool, leaked) == ""


def test_a_network_that_gave_nothing_is_an_error(node: NodeFiles) -> None:
    assert node.run("ipam", "pod", fails=1).stderr == (
        "multinet: this node has given no address of a network pod (did you mean pods?)\n"
    )


@pytest.mark.kernel
def test_addresses_are_seen_in_namespaces_that_only_a_mount_keeps(pod: Netns) -> None:
    pod.ip("link", "set", "lo", "up")
    pod.ip("address", "add", "203.0.113.77/32", "dev", "lo")
    seen = namespaces.look()

    assert seen.why_not_all == ""
    assert ip_address("203.0.113.77") in seen.addresses
