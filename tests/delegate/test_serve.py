"""A delegate as a CNI executable: the environment and stdin in, one object and an exit status out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.static import Static
from multinet import __version__
from multinet.cni.types import Result
from multinet.cni.versions import SUPPORTED
from multinet.delegate import registry
from multinet.delegate.contract import AnyDelegate, Call
from multinet.delegate.registry import installed
from multinet.delegate.serve import serve
from multinet.delegate.undo import Undo
from tests.support.netns import Netns

ROOT = Path(__file__).parents[2]
CONF: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "name": "net",
    "type": "some",
    "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24"}]},
}


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``instead(Class)``: the delegate that is installed as static is another, for this test."""

    def put(kind: type[AnyDelegate]) -> None:
        found = registry.load
        made = kind()
        monkeypatch.setattr(registry, "load", lambda type_: made if type_ == "static" else found(type_))

    return put


def ask(pod: Netns, command: str = "ADD", conf: Any = CONF, **env: str) -> tuple[int, dict[str, Any]]:
    given = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": pod.path,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/nonexistent",
        **env,
    }
    done = serve("static", given, conf if isinstance(conf, bytes) else json.dumps(conf).encode())
    return done.exit_code, json.loads(done.stdout) if done.stdout else {}


@pytest.mark.kernel
def test_add_answers_with_a_result_and_other_verbs_with_nothing(pod: Netns):
    code, result = ask(pod)
    assert (code, result["ips"]) == (0, [{"address": "10.1.2.3/24"}])
    assert ask(pod, "CHECK", {**CONF, "prevResult": result}) == (0, {})
    assert [ask(pod, verb) for verb in ("DEL", "GC", "STATUS")] == [(0, {})] * 3
    assert ask(pod, "VERSION")[1]["supportedVersions"] == list(SUPPORTED)


@pytest.mark.kernel
def test_what_is_called_is_meant_whatever_the_configuration_names(pod: Netns):
    assert ask(pod, conf={**CONF, "type": "bridge"})[0] == 0


@pytest.mark.kernel
def test_a_version_that_a_delegate_does_not_serve_is_refused(pod: Netns, instead: Any):
    class Young(Static):
        versions = ("1.0.0", "1.1.0")

    instead(Young)
    assert ask(pod, conf={**CONF, "cniVersion": "0.4.0"}) == (
        1,
        {
            "code": 1,
            "msg": "incompatible CNI versions",
            "details": 'config is "0.4.0", plugin supports ["1.0.0" "1.1.0"]',
        },
    )
    assert ask(pod, "VERSION")[1]["supportedVersions"] == ["1.0.0", "1.1.0"]


@pytest.mark.kernel
@pytest.mark.parametrize(("verb", "version"), [("CHECK", "0.3.1"), ("GC", "1.0.0"), ("STATUS", "1.0.0")])
def test_a_verb_that_the_version_lacks_is_refused(pod: Netns, verb: str, version: str):
    code, said = ask(pod, verb, {**CONF, "cniVersion": version})
    assert (code, said["code"], said["msg"]) == (1, 1, f"config version does not allow {verb}")


@pytest.mark.kernel
def test_a_defect_is_told_as_one_and_what_was_made_is_taken_back(pod: Netns, instead: Any):
    walked: list[str] = []

    class Broken(Static):
        def add(self, call: Call[Any], undo: Undo) -> Result:
            undo.push("remove it", lambda: walked.append("it"))
            raise ZeroDivisionError("division by zero")

    instead(Broken)
    code, said = ask(pod)
    assert (code, said["code"], said["msg"]) == (
        1,
        999,
        "internal error: ZeroDivisionError: division by zero",
    )
    assert walked == ["it"]


@pytest.mark.kernel
def test_a_result_that_the_version_can_not_tell_is_taken_back(pod: Netns, instead: Any):
    walked: list[str] = []

    class Silent(Static):
        def add(self, call: Call[Any], undo: Undo) -> Result:
            undo.push("remove it", lambda: walked.append("it"))
            return Result()

    instead(Silent)
    assert ask(pod, conf={**CONF, "cniVersion": "0.2.0"})[0] == 1
    assert walked == ["it"]


@pytest.mark.kernel
def test_gc_without_a_word_on_what_is_valid_does_nothing(pod: Netns, instead: Any):
    told: list[frozenset[tuple[str, str]]] = []

    class Witness(Static):
        def gc(self, call: Call[Any]) -> None:
            told.append(call.valid)

    instead(Witness)
    assert ask(pod, "GC") == (0, {})
    assert told == []
    valid = [{"containerID": "c1", "ifname": "eth0"}]
    assert ask(pod, "GC", {**CONF, "cni.dev/valid-attachments": valid}) == (0, {})
    assert told == [frozenset({("c1", "eth0")})]


def run(*argv: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], **env}
    return subprocess.run(
        [sys.executable, "-m", "multinet.delegate", *argv],
        cwd=ROOT,
        env=given,
        input=stdin.decode(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_who_runs_it_by_hand_is_told_what_it_is():
    done = run("static")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"CNI static plugin {__version__}",
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}",
    ]


@pytest.mark.parametrize("argv", [(), ("--help",), ("static", "bridge"), ("brigde",)])
def test_who_names_no_delegate_is_told_which_there_are(argv: tuple[str, ...]):
    done = run(*argv, CNI_COMMAND="VERSION")
    assert (done.returncode, done.stdout) == (2, "")
    assert {"bridge", "host-local", "tuning"} <= set(installed())
    assert f"installed: {', '.join(sorted(installed()))}" in done.stderr


@pytest.mark.kernel
def test_as_a_program_it_answers_on_stdout_and_by_its_exit_status(pod: Netns):
    env = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": pod.path,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/x",
    }
    good = run("static", stdin=json.dumps(CONF).encode(), **env)
    assert (good.returncode, json.loads(good.stdout)["ips"], good.stderr) == (
        0,
        [{"address": "10.1.2.3/24"}],
        "",
    )
    bad = run("static", stdin=b"{", **env)
    assert (bad.returncode, json.loads(bad.stdout)["code"], bad.stderr) == (1, 6, "")
