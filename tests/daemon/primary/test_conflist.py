"""Our file in the runtime's folder: when it is written, what it says, and what others do to it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.primary.conftest import Logged, Open
from tests.daemon.primary.runtime import ANNOTATIONS, OURS, Clock, Folder, conflist
from tests.support.wait import until


def test_it_is_written_when_an_add_can_be_served_and_not_before(folder: Folder, make: Open) -> None:
    primary = make()
    primary.serve()
    assert folder.names() == []

    folder.write(
        "10-a.conflist",
        json.dumps(
            {
                "cniVersion": "1.0.0",
                "name": "a",
                "plugins": [
                    {"type": "ptp", "capabilities": {"portMappings": False, "bandwidth": True}},
                    {"type": "portmap", "capabilities": {"portMappings": True, "dns": True}},
                    {"type": "tuning", "capabilities": {"mac": False}},
                ],
            }
        ),
    )
    primary.poll()
    assert folder.ours() == {
        "cniVersion": "1.0.0",
        "cniVersions": ["0.4.0", "1.0.0", "1.1.0"],
        "name": "multinet",
        "plugins": [
            {
                "type": "multinet",
                "capabilities": {"bandwidth": True, "dns": True, ANNOTATIONS: True, "portMappings": True},
            }
        ],
    }
    assert stat.S_IMODE((folder.path / OURS).stat().st_mode) == 0o600


def test_nobody_who_does_not_serve_yet_writes_it(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make()
    primary.poll()
    assert folder.names() == ["10-a.conflist"]


def test_it_is_written_again_only_when_it_says_something_else(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make()
    primary.serve()
    written = (folder.path / OURS).stat().st_ino

    folder.write("10-a.conflist", conflist("a", "bridge"))
    primary.poll()
    make().serve()
    assert (folder.path / OURS).stat().st_ino == written

    folder.write("10-a.conflist", conflist("a", capabilities={"ips": True}))
    primary.poll()
    assert folder.ours()["plugins"][0]["capabilities"] == {"ips": True, ANNOTATIONS: True}
    assert (primary.lost, primary.problem) == (0, "")


def test_a_stop_leaves_it_and_an_older_one_is_replaced(folder: Folder, make: Open, told: list[str]) -> None:
    folder.write("10-a.conflist", conflist("a"))
    folder.write(OURS, '{"cniVersion": "0.3.1", "name": "multinet", "type": "multinet"}')
    primary = make()
    assert folder.ours()["cniVersion"] == "0.3.1"
    primary.serve()
    primary.stop()

    assert folder.ours()["cniVersion"] == "1.0.0"
    assert told == []


def test_the_first_time_it_waits_for_the_readiness_file(folder: Folder, make: Open, tmp_path: Path) -> None:
    folder.write("10-a.conflist", conflist("a"))
    ready = tmp_path / "ready"
    primary = make(readinessIndicatorFile=str(ready))
    primary.serve()
    assert folder.names() == ["10-a.conflist"]

    ready.touch()
    primary.poll()
    assert folder.names() == [OURS, "10-a.conflist"]

    ready.unlink()
    folder.remove(OURS)
    primary.poll()
    assert folder.names() == [OURS, "10-a.conflist"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "was removed by somebody else"),
        (lambda path: path.write_text("{}"), "was changed by somebody else"),
        (
            lambda path: path.rename(path.with_name(path.name + ".old")),
            "was renamed to 00-multinet.conflist.old by somebody else",
        ),
        (
            lambda path: path.rename(path.with_name(path.name + ".cilium_bak")),
            "was renamed to 00-multinet.conflist.cilium_bak by Cilium, which wants to be the only one (set "
            'cni.exclusive=false in Cilium\'s Helm values, or cni-exclusive: "false" in its ConfigMap)',
        ),
    ],
    ids=["removed", "changed", "renamed", "by Cilium"],
)
def test_what_others_do_to_it_is_told_with_the_cause_and_mended(
    folder: Folder, make: Open, told: list[str], logged: Logged, harm: Callable[[Path], Any], said: str
) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make(seconds=0.02)
    primary.serve()
    whole = (folder.path / OURS).read_bytes()
    logged()

    harm(folder.path / OURS)
    until(lambda: primary.lost, what="the loss")
    until(lambda: (folder.path / OURS).is_file() and (folder.path / OURS).read_bytes() == whole)
    until(lambda: told, what="the problem")
    assert told == [f"{folder.path}/{OURS} {said}"]
    assert logged() == [{"event": "primary network", "problem": told[0], "level": "warning"}]
    assert (primary.lost, primary.problem) == (1, "")


def test_what_is_lost_again_and_again_is_not_mended_at_once(
    folder: Folder, make: Open, clock: Clock, told: list[str]
) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make()
    primary.serve()
    waits = []
    for _ in range(9):
        folder.remove(OURS)
        primary.poll()
        began = clock.now
        while OURS not in folder.names():
            assert primary.problem == f"{folder.path}/{OURS} was removed by somebody else"
            clock.now += 1
            primary.poll()
        waits.append(clock.now - began)
    assert waits == [0, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (primary.lost, len(told), primary.problem) == (9, 9, "")

    clock.now += 301
    folder.remove(OURS)
    primary.poll()
    assert OURS in folder.names()


def test_a_folder_that_was_removed_is_made_again(folder: Folder, make: Open) -> None:
    primary = make(delegates=[{"name": "mine", "type": "bridge"}])
    primary.serve()
    folder.remove(OURS)
    folder.path.rmdir()
    primary.poll()

    assert folder.names() == [OURS]


def test_a_file_that_cannot_be_written_is_told_and_tried_again(
    folder: Folder, make: Open, told: list[str]
) -> None:
    folder.write("10-a.conflist", conflist("a"))
    (folder.path / f".{OURS}.tmp").mkdir()
    primary = make()
    primary.serve()
    primary.poll()
    assert told == [f"could not write {folder.path}/{OURS}: Is a directory"]

    (folder.path / f".{OURS}.tmp").rmdir()
    primary.poll()
    assert (folder.ours()["name"], primary.problem) == ("multinet", "")


def test_a_file_that_the_runtime_prefers_to_ours_is_told(folder: Folder, make: Open) -> None:
    folder.write("00-calico.conflist", conflist("calico"))
    primary = make()
    primary.serve()

    assert primary.problem == (
        f"{folder.path}/00-calico.conflist comes before {OURS}: the runtime uses it, and pods get no further "
        "networks"
    )


def test_the_looking_goes_on_after_a_defect(
    folder: Folder, make: Open, logged: Logged, monkeypatch: Any
) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make(seconds=0.02)
    said: list[Any] = []

    with monkeypatch.context() as patched:
        patched.setattr(primary, "poll", lambda: [][0])
        until(lambda: said.extend(logged()) or [one for one in said if "could not be looked" in one["event"]])
    folder.write("10-a.conflist", conflist("b"))
    until(lambda: primary.current().name == "b", what="a look after the defect")


PLUGIN = """#!/bin/sh
cat > "$FOLDER/$CNI_COMMAND"
case $CNI_COMMAND in
  ADD) echo '{"cniVersion": "1.1.0", "interfaces": [], "ips": []}';;
esac
"""


@pytest.mark.peer
def test_libcni_takes_our_newest_version_and_tells_what_we_declare(
    folder: Folder, make: Open, peers: Path, tmp_path: Path
) -> None:
    folder.write("10-a.conflist", conflist("a", capabilities={"portMappings": True}))
    make().serve()
    plugin = tmp_path / "bin/multinet"
    plugin.parent.mkdir()
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    told = {"portMappings": [{"hostPort": 80, "containerPort": 80}], ANNOTATIONS: {"a": "b"}, "ips": ["x"]}
    env = {
        "PATH": os.environ["PATH"],
        "CNI_PATH": str(plugin.parent),
        "NETCONFPATH": str(folder.path),
        "CAP_ARGS": json.dumps(told),
        "FOLDER": str(tmp_path),
    }
    for verb in ("add", "status", "gc"):
        command = [peers / "cnitool", verb, "multinet", "/proc/self/ns/net"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (0, ""), verb

    asked = {verb: json.loads((tmp_path / verb).read_text()) for verb in ("ADD", "STATUS", "GC")}
    assert {(one["cniVersion"], one["name"]) for one in asked.values()} == {("1.1.0", "multinet")}
    assert asked["ADD"]["runtimeConfig"] == {"portMappings": told["portMappings"], ANNOTATIONS: {"a": "b"}}
