"""What every command keeps to: help with examples that can be typed, exit statuses that are told, the forms of
output, colours for terminals only.
"""

from __future__ import annotations

import inspect
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from multinet.cli import COMMANDS, PLUGIN, main
from tests.cli.settings_of_a_node import run
from tests.conftest import ROOT

SAY_WHAT_THEY_DO = {
    "completion": "a script for a shell",
    "install": "a line for each program",
    "migrate": "settings, which are YAML",
    "record": "a recording, which is JSON",
    "sandbox check": "a line for each pod",
    "sandbox down": "a line for each pod",
    "sandbox exec": "what the command says",
    "sandbox gc": "nothing",
    "sandbox shell": "what the command says",
    "sandbox status": "one word",
    "sandbox up": "a line for each pod",
    "uninstall": "a line for each file",
    "uninstall-everywhere": "what nodes say",
}
"""What commands print that print no data."""
DRAW = {"graph", "sandbox graph"}
"""They have forms of output of their own."""
EXAMPLE = re.compile(r"(?<![\w/])multinet ([^|>)]*)")


def walk(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name="multinet")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from walk(command, f"{path}{name} ")


ALL = dict(walk(main))
LEAVES = {name: command for name, command in ALL.items() if not isinstance(command, click.Group)}


def examples_of(command: click.Command) -> list[str]:
    """Without what they do, which stands behind two spaces or more."""
    lines = (command.epilog or "").split("\n")
    return [re.split(r" {2,}", line.strip())[0] for line in lines if line.startswith("  ")]


@pytest.fixture
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples name its files; those that a reader has, need not be there."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(click.Path, "convert", lambda _self, value, _parameter, _context: value)


def test_there_are_all_commands() -> None:
    assert {name.partition(" ")[0] for name in ALL} == set(COMMANDS)


@pytest.mark.parametrize("name", ALL)
def test_its_help_says_what_it_does_and_shows_how(name: str) -> None:
    command = ALL[name]
    first = (command.help or "").split("\n")[0]

    assert first.endswith((".", ","))
    assert first[0].isupper()
    assert examples_of(command)
    shown = command.get_help(click.Context(command, info_name=name))
    assert "\n  Examples:\n" in shown


@pytest.mark.parametrize(("name", "example"), [(name, one) for name in ALL for one in examples_of(ALL[name])])
@pytest.mark.usefixtures("in_the_checkout")
def test_each_example_can_be_typed_as_it_stands(name: str, example: str) -> None:
    calls = EXAMPLE.findall(example)

    assert calls, example
    for call in calls:
        parse(shlex.split(call))


def parse(words: list[str]) -> None:
    """Raises click.UsageError for what the command does not understand."""
    command, context = main, click.Context(main, info_name="multinet")
    while True:
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        if not isinstance(found, click.Group):
            found.make_context(name, words, parent=context)
            return
        command, context = found, click.Context(found, info_name=name, parent=context)


@pytest.mark.parametrize("name", LEAVES)
def test_what_its_exit_status_tells_besides_is_in_its_help(name: str) -> None:
    callback = LEAVES[name].callback
    assert callback is not None
    source = inspect.getsource(inspect.unwrap(callback))

    if "SystemExit" in source or "_tell(" in source:
        assert "exit status" in " ".join((LEAVES[name].help or "").split())
    assert "exit status is 0 when all is well, 1 when" in " ".join((main.help or "").split())


@pytest.mark.parametrize("name", LEAVES)
def test_data_can_be_had_as_table_json_and_yaml(name: str) -> None:
    (option,) = [one for one in LEAVES[name].params if one.name == "output"] or [None]

    if name in SAY_WHAT_THEY_DO:
        assert option is None
        return
    assert option is not None
    assert option.opts == ["-o", "--output"]
    assert isinstance(option.type, click.Choice)
    if name not in DRAW:
        assert list(option.type.choices) == ["table", "json", "yaml"]


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_says_what_it_is_for(name: str) -> None:
    options = [one for one in LEAVES[name].params if isinstance(one, click.Option)]

    assert [one.name for one in options if not (one.help or "").endswith(".")] == []


def test_colours_are_for_terminals_and_for_who_wants_them() -> None:
    demo = str(ROOT / "crds/examples/demo")

    assert "\x1b[" in at_a_terminal("ls", "--folder", demo, "networks")
    assert "\x1b[" not in at_a_terminal("ls", "--folder", demo, "networks", NO_COLOR="1")
    assert "\x1b[" not in at_a_terminal("ls", "--folder", demo, "networks", TERM="dumb")
    assert "\x1b[" not in run("ls", "--folder", demo, "networks").stdout


def test_the_plugins_help_is_typed_as_a_plugin() -> None:
    command = main.get_command(click.Context(main, info_name=PLUGIN), "doctor")
    assert command is not None
    assert examples_of(command) == [
        "kubectl multinet doctor --kubeconfig ~/.kube/config",
        "kubectl -n kube-system exec ds/multinet -- multinet doctor",
        "kubectl multinet doctor -o json | jq '.[] | select(.state == \"wrong\")'",
    ]
    assert len(examples_of(ALL["doctor"])) == 4


def at_a_terminal(*words: str, **env: str) -> str:
    master, slave = pty.openpty()
    program = Path(sys.executable).with_name("multinet")
    kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen(
        [program, *words], stdout=slave, stderr=slave, env={**kept, "TERM": "xterm", **env}
    )
    os.close(slave)
    said, until = b"", time.monotonic() + 30
    try:
        while select.select([master], [], [], max(0.0, until - time.monotonic()))[0]:
            said += os.read(master, 4096)
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(master)
        assert process.wait(30) == 0
    return said.decode()
