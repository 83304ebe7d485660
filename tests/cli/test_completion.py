"""Completion in a real bash, by the script that ``multinet completion bash`` prints."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multinet.cli import complete
from tests.cli.conftest import ROOT
from tests.cli.settings_of_a_node import NodeFiles, run

PROGRAMS = Path(sys.executable).parent
DEMO = ROOT / "crds/examples/demo"
SLOWEST_SECONDS = 10.0
"""Of a lookup that is given up, on a machine that does much else: without an end it would be ``ANSWER_SECONDS`` and
more."""

Complete = Callable[..., list[str]]


@pytest.fixture
def completed(tmp_path: Path) -> Complete:
    """What bash offers for a line whose last word is to be completed."""
    script = tmp_path / "completion.bash"
    script.write_text(run("completion", "bash").stdout)

    def ask(*words: str) -> list[str]:
        ask_bash = (
            f'source {script}; shift 0; COMP_WORDS=(multinet "$@"); COMP_CWORD=$#; COMPREPLY=(); '
            'compopt() { :; }; _multinet_completion multinet "${@: -1}" x; printf \'%s\\n\' "${COMPREPLY[@]}"'
        )
        env = {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(
            ["bash", "--norc", "-c", ask_bash, "bash", *words],
            capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return sorted(done.stdout.split())

    return ask


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("l",), ["lint", "ls"]),
        (("completion", ""), ["bash", "fish", "zsh"]),
        (("ls", ""), ["networks", "pods"]),
        (("show", "--folder", str(DEMO), "web"), ["web-0", "web-1"]),
        (("show", "--folder", str(DEMO), "default/w"), ["default/web-0", "default/web-1"]),
        (("graph", "web-0", "--folder", str(DEMO), "web-"), ["web-0", "web-1"]),
        (("explain", "--folder", str(DEMO), "-n", ""), ["default"]),
        (("lint", "--folder", str(DEMO), "st"), ["storage"]),
        (("ls", "--kube"), ["--kubeconfig"]),
        (("show", "--folder", "/nowhere", ""), []),
    ],
)
def test_bash_completes_it(completed: Complete, words: tuple[str, ...], found: list[str]) -> None:
    assert completed(*words) == found


def test_on_a_node_its_journal_tells(completed: Complete, tmp_path: Path) -> None:
    node = NodeFiles(folder=tmp_path)
    node.write()
    node.record("shop/web-0", "container-1", "/run/netns/gone")
    node.record("blog/db-0", "container-2", "/run/netns/gone")
    node.give("pods", "10.244.0.2", "container-1\r\neth0")

    here = ("--config", str(node.config))
    assert completed("show", *here, "") == ["blog/db-0", "db-0", "shop/web-0", "web-0"]
    assert completed("show", *here, "-n", "shop", "w") == ["web-0"]
    assert completed("ipam", *here, "") == ["pods"]


def test_pods_of_the_sandbox_are_known(completed: Complete, tmp_path: Path) -> None:
    folder = tmp_path / "sandboxes" / "multinet-node" / "pods"
    folder.mkdir(parents=True)
    pod = {"node": "multinet-node", "namespace": "default", "name": "web-0", "uid": "u", "container_id": "c"}
    (folder / "default.web-0.json").write_text(json.dumps({**pod, "phase": "up"}))

    assert completed("sandbox", "exec", "--state", str(tmp_path / "sandboxes"), "we") == ["web-0"]
    assert completed("sandbox", "down", "--state", str(tmp_path / "sandboxes"), "") == [
        "default/web-0",
        "web-0",
    ]


def test_contexts_are_those_of_the_kubeconfig(completed: Complete, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps({"contexts": [{"name": "prod"}, {"name": "test"}, {}, "x"]}))

    assert completed("ls", "--kubeconfig", str(file), "--context", "") == ["prod", "test"]


def test_nobody_waits_for_a_cluster_that_does_not_answer(
    completed: Complete, tmp_path: Path, silent: int
) -> None:
    file = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": f"https://127.0.0.1:{silent}"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "t"}}]
    whole = {"clusters": [cluster], "contexts": [context], "users": users, "current-context": "x"}
    file.write_text(json.dumps(whole))
    began = time.monotonic()

    assert completed("show", "--kubeconfig", str(file), "") == []
    assert time.monotonic() - began < SLOWEST_SECONDS


def test_a_lookup_that_hangs_for_good_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name resolution knows no deadline."""
    monkeypatch.setattr(complete, "SECONDS", 0.05)
    release = socket.socketpair()

    def hang() -> list[str]:
        release[0].recv(1)
        return ["late"]

    try:
        assert complete._in_time(hang) == []
    finally:
        release[1].close()
        release[0].close()


def test_a_person_who_presses_tab_has_the_word_completed(tmp_path: Path) -> None:
    """In an interactive shell at a terminal, as one would set it up."""
    (tmp_path / "rc").write_text(
        "PS1='$ '; bind 'set enable-bracketed-paste off'\nsource <(multinet completion bash); echo READY\n"
    )
    master, slave = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", str(tmp_path / "rc"), "-i"],
        stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, start_new_session=True,
        env={"HOME": str(tmp_path), "TERM": "dumb", "PATH": f"{PROGRAMS}:/usr/bin:/bin"},
    )  # fmt: skip
    os.close(slave)
    try:
        hear(master, "READY\r\n$ ")
        os.write(master, b"multinet compl\t")
        hear(master, "multinet completion ")
        os.write(master, b"ba\t")
        hear(master, "bash ")
    finally:
        shell.kill()
        shell.wait()
        os.close(master)


def hear(terminal: int, words: str) -> None:
    """Read until they have been said."""
    heard, until = "", time.monotonic() + 30
    while words not in heard:
        ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
        assert ready, f"waited in vain for {words!r}, heard {heard!r}"
        heard += os.read(terminal, 4096).decode()


@pytest.mark.parametrize(
    ("shell", "begins"),
    [
        ("bash", "_multinet_completion() {"),
        ("zsh", "#compdef multinet"),
        ("fish", "function _multinet_completion;"),
    ],
)
def test_each_shell_has_its_script(shell: str, begins: str) -> None:
    assert run("completion", shell).stdout.startswith(begins)
