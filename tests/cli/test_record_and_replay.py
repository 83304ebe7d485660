"""``multinet record`` and ``replay``: what a real agent was told, done again without it and its cluster."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multinet.cli.requests.replay import differences
from tests.cli.settings_of_a_node import run
from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.daemon.conftest import make_node as make_node
from tests.daemon.conftest import sandbox as pods
from tests.daemon.conftest import shim as shim
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.node import AgentNode
from tests.support.wait import until

__all__ = ["make_node", "pods", "shim"]

STATIC = {"type": "static", "addresses": [{"address": "10.9.0.2/24"}]}
ODD = """#!/bin/sh
case $CNI_COMMAND in
ADD) echo '{"cniVersion": "1.0.0", "interfaces": [{"name": "'$CNI_IFNAME'", "sandbox": "'$CNI_NETNS'"}],
  "ips": [{"address": "10.7.0.2/24", "interface": 0}]}' ;;
DEL) echo '{"code": 120, "msg": "the switch is away", "details": "asked with password=hunter4"}'; exit 1 ;;
esac
"""


def request_of(error: dict[str, Any]) -> str:
    return str(error["details"].rpartition("request ")[2])


def recorded(node: AgentNode, request: str, *options: str) -> Path:
    file = node.folder / f"{request}.json"
    run("record", request, "--file", str(file), "--config", str(node.config), *options)
    return file


def replayed(file: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("replay", str(file), "-o", "json", fails=None).stdout)
    return told


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
class TestWithAnAgent:
    def test_what_failed_fails_alike_without_its_cluster_and_secrets_are_not_told(
        self, make_node: MakeNode, pods: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
    ) -> None:
        node = make_node()
        programs = node.folder / "bin"
        programs.mkdir()
        (programs / "odd").write_text(ODD)
        (programs / "odd").chmod(0o755)
        node.bin_dir = programs
        node.start()
        full = {**node.host_local("10.9.0.0/30"), "gateway": "10.9.0.1"}
        for name, conf in {
            "no-master": {"type": "macvlan", "master": "eth7", "ipam": STATIC, "password": "hunter2"},
            "full": {"type": "bridge", "bridge": "br1", "ipam": full},
            "odd": {"type": "odd"},
            "no-program": {"type": "nobodys"},
        }.items():
            kubeobjects.nad(control_plane, kube_namespace, name, {"cniVersion": "1.0.0", **conf})
        changed = pods("full")
        node.call("ADD", changed).ok()
        Netns(name=Path(changed.netns).name).ip("link", "delete", "net1")
        switched = pods("odd", annotations={"example.com/login": "hunter3"})
        node.call("ADD", switched).ok()
        errors = {
            "no-master": node.call("ADD", pods("no-master")).error(),
            "full": node.call("ADD", pods("full")).error(),
            "after odd": node.call("ADD", pods("odd,no-master")).error(),
            "unknown": node.call("ADD", pods("nowhere")).error(),
            "no-program": node.call("ADD", pods("no-program")).error(),
            "CHECK": node.call("CHECK", changed).error(),
            "DEL": node.call("DEL", switched).error(),
        }

        files = {name: recorded(node, request_of(error)) for name, error in errors.items()}
        answers = {name: replayed(file) for name, file in files.items()}
        assert {name: told["differences"] for name, told in answers.items()} == {name: [] for name in errors}
        assert errors["full"]["msg"].endswith("no IP addresses available in range set: 10.9.0.1-10.9.0.2")
        assert errors["DEL"]["msg"] == f"{kube_namespace}/odd[odd]: the switch is away"
        everything = "".join(file.read_text() for file in files.values())
        assert "hunter" not in everything
        assert [stat.S_IMODE(file.stat().st_mode) for file in files.values()] == [0o600] * len(files)
        shown = run("replay", str(files["no-master"])).stdout.splitlines()
        assert shown[1:5] == [
            "verb      ADD",
            *(f"{word}  failed: {errors['no-master']['msg']}" for word in ("recorded", "replayed")),
            "result    the same answer",
        ]
        hidden = recorded(node, request_of(errors["full"]), "--anonymous")
        assert kube_namespace not in hidden.read_text()
        assert "10.9.0." not in hidden.read_text()
        assert replayed(hidden)["differences"] == []
        taken_out = run("record", request_of(errors["DEL"]), "--config", str(node.config)).stderr.splitlines()
        assert taken_out == [
            "multinet: taken out: stdin.runtimeConfig.io.kubernetes.cri.pod-annotations.example.com/login",
            "multinet: taken out: programs[1].stdout.details",
            "multinet: taken out: "
            "record.attachments[0].capabilityArgs.io.kubernetes.cri.pod-annotations.example.com/login",
            "multinet: taken out: answer.stdout.details",
        ]
        assert run("record", "0badcafe", "--config", str(node.config), fails=1).stderr == (
            "multinet: the agent of this node has no recording of the request 0badcafe (there are recordings of "
            f"{', '.join(request_of(error) for error in reversed(errors.values()))}; "
            "`multinet record --next` waits for one)\n"
        )

    def test_the_next_request_is_recorded_also_when_it_goes_well(
        self, make_node: MakeNode, pods: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
    ) -> None:
        node = make_node().start()
        vlan = {"type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/24")}
        kubeobjects.nad(control_plane, kube_namespace, "lan", {"cniVersion": "1.1.0", **vlan})
        node.call("ADD", pods()).ok()
        one, other = pods("lan"), pods("lan")
        assert run(
            *("record", "--next", "--pod", "web-0", "--seconds", "1", "--config", str(node.config)), fails=1
        ).stderr == (
            "multinet: waiting for the next request of default/web-0\n"
            "multinet: no request of default/web-0 has come within 1 seconds (delete the pod, so that it is made "
            "anew, or wait longer by --seconds)\n"
        )
        file = node.folder / "next.json"
        pod = f"{kube_namespace}/{one.pod['metadata']['name']}"
        asked = ["record", "--next", "--pod", pod, "--file", str(file), "--config", str(node.config)]
        with (node.folder / "said").open("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", "from multinet.cli import main; main()", *asked], stderr=said
            )
            try:
                until(lambda: "waiting for" in (node.folder / "said").read_text(), what="it to wait")
                node.call("ADD", other).ok()
                result = node.call("ADD", one).ok()
                assert process.wait(30) == 0
            finally:
                process.kill()
                process.wait()

        told = replayed(file)
        assert told["differences"] == []
        assert told["recorded"]["stdout"] == result
        changed = json.loads(file.read_text())
        name = f"{kube_namespace}/lan"
        conf = json.loads(changed["definitions"][name]["config"])
        changed["definitions"][name]["config"] = json.dumps({**conf, "master": "eth7"})
        file.write_text(json.dumps(changed))
        shown = run("replay", str(file), fails=1).stdout.splitlines()
        wrong = f'{name}[macvlan]: the master "eth7" was not found: Link not found'
        assert shown[2:6] == [
            "recorded  done",
            f"replayed  failed: {wrong}",
            "result    another answer",
            "",
        ]


def test_what_is_no_recording_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    for content, words in {
        "{": "is no recording: JSONDecodeError(",
        "[]": "is no recording: TypeError(",
        "{}": "is no recording: KeyError('format') (`multinet record` writes one)\n",
        '{"format": 2}': "is a recording of the form 2, this multinet replays 1 "
        "(use the release of multinet that recorded it)\n",
    }.items():
        file.write_text(content)
        assert run("replay", str(file), fails=1).stderr.startswith(f"multinet: {file} {words}")


def test_a_request_is_named_or_waited_for() -> None:
    wrong = "Error: name a request by its id, or wait for the --next one, of a --pod or of any\n"

    for mistake in ((), ("3f2a91c0", "--next"), ("3f2a91c0", "--pod", "web-0")):
        assert run("record", *mistake, fails=2).stderr.endswith(wrong)


def test_answers_differ_where_somebody_chose() -> None:
    was = {
        "a": 1,
        "mac": "02:00:00:00:00:01",
        "host": "veth01234567",
        "asked": "02:00:00:00:00:09",
        "l": [1, 2],
    }
    now = {"b": 2, "mac": "02:00:00:00:00:02", "host": "veth76543210", "asked": "02:00:00:00:00:08", "l": [1]}

    assert list(differences(was, now, asked="mac=02:00:00:00:00:09")) == [
        ("a", 1, None),
        ("asked", "02:00:00:00:00:09", "02:00:00:00:00:08"),
        ("l[1]", 2, None),
        ("b", None, 2),
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.json"

    assert run("replay", str(file), fails=1).stderr == (
        f"multinet: could not read {file}: No such file or directory\n"
    )
