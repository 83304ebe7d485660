"""``multinet replay`` alone: a recording made by hand, on a machine of which nothing is touched."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.a_recording import link, recording
from tests.cli.settings_of_a_node import run
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

Write = Callable[[dict[str, Any]], str]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    def write(content: dict[str, Any]) -> str:
        path = tmp_path / "request.json"
        path.write_text(json.dumps(content))
        return str(path)

    return write


def around() -> list[list[str]]:
    """What a replay could leave."""
    return [sorted(os.listdir(folder)) for folder in ("/run", "/run/netns", "/var/lib/cni", "/sys/class/net")]


def test_the_same_answer_comes_of_it_and_nothing_stays(file: Write, host: Netns) -> None:
    before = around()
    told = run("replay", file(recording())).stdout.splitlines()

    assert told[:6] == [
        "request   3f2a91c0",
        "verb      ADD",
        "recorded  done",
        "replayed  done",
        "result    the same answer",
        "",
    ]
    parts = [re.sub(r"  +.*", "", line.lstrip()) for line in told[6:]]
    assert parts == [
        *(
            "PART",
            "turn",
            "lock",
            "plan",
            "gc",
            "delegates",
            "bridge (pods, eth0)",
            "host-local (pods, eth0)",
        ),
        *("macvlan (shop/lan, net1)", "static (shop/lan, net1)", "publish"),
    ]
    assert around() == before


def test_where_the_answer_differs_is_told_and_the_exit_status_is_1(file: Write) -> None:
    other = recording()
    other["node"]["reservations"][0]["last"]["last_reserved_ip.0"] = "10.244.0.5"
    other["answer"]["stdout"]["ips"][0]["address"] = "10.244.0.7/24"
    other["node"]["links"] = [one for one in other["node"]["links"] if one["name"] != "br0"]
    told = run("replay", file(other), fails=1).stdout.splitlines()

    assert told[4:8] == [
        "result    another answer",
        "",
        "AT                     RECORDED       REPLAYED",
        "stdout.ips[0].address  10.244.0.7/24  10.244.0.6/24",
    ]


def test_what_the_container_had_stands_in_the_way_again(file: Write) -> None:
    taken = "shop/lan: the container has an interface 'net1' already"
    hint = "somebody else made it: give this network another name, or remove that interface"
    said = {"code": 999, "msg": taken, "details": f"{hint}\nrequest 3f2a91c0"}
    node = {**recording()["node"], "podLinks": [link("net1")]}
    told = run("replay", file(recording(node=node, answer={"status": 1, "stdout": said}))).stdout

    assert f"replayed  failed: {taken}\nresult    the same answer\n" in told


def test_a_replay_that_asks_for_what_nobody_recorded_says_so(file: Write) -> None:
    settings = {"clusterNetwork": "/etc/cni/other.conflist"}
    told = json.loads(run("replay", file(recording(settings=settings)), "-o", "json", fails=1).stdout)

    assert (told["request"], told["verb"], told["same"]) == ("3f2a91c0", "ADD", False)
    assert {"at": "status", "recorded": 0, "replayed": 1} in told["differences"]
    assert told["replayed"]["stdout"]["msg"] == (
        "clusterNetwork: the configuration at /etc/cni/other.conflist is not in the recording: "
        "the replay goes another way than the request did"
    )


def test_a_place_that_can_not_be_made_is_an_error(file: Write) -> None:
    node = {**recording()["node"], "links": [link("a-name-that-is-too-long")]}
    path = file(recording(node=node))

    assert run("replay", path, fails=1).stderr.startswith(
        f"multinet: could not replay {path}: could not make the veth pair a-name-that-is-too-long and far0: "
    )


def test_a_recording_from_anywhere_writes_nothing_on_this_machine(file: Write, tmp_path: Path) -> None:
    """Neither where it says that addresses are kept, nor anywhere else."""
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    told = recording(settings={"allowedPaths": ["/"]})
    for folder, outcome in ((there, "done"), (elsewhere, "failed: pods[bridge][host-local]: could not ")):
        told["primary"]["plugins"][0]["ipam"]["dataDir"] = str(folder)
        told["node"]["reservations"] = [{"network": "pods", "dataDir": str(there), "taken": [], "last": {}}]
        shown = run("replay", file(told), fails=1).stdout.splitlines()
        assert shown[3].startswith(f"replayed  {outcome}")

    assert list(tmp_path.rglob("*")) == [there, tmp_path / "request.json"]
