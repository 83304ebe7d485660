"""README.md, "Diagnose", and the command line's own README: each command can be typed as it stands, and each
message is one that the code has.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from multinet.cli import main
from tests.cli.settings_of_a_node import NodeFiles, run
from tests.conftest import ROOT
from tests.docs import messages
from tests.support.netns import Netns

DIAGNOSE = (
    (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Diagnose\n", 1)[1].split("\n## ", 1)[0]
)
README = (ROOT / "multinet" / "cli" / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^    (?:kubectl )?multinet (.*)$", DIAGNOSE + README, re.MULTILINE)))
JSON_TABLE = README.split("| command | JSON: a list of |", 1)[1]
SYMPTOMS = re.findall(
    r"^\| `([^`]+)`[^|]*\| .+ \| .+ \|$", README.split("\n## By symptom\n", 1)[1], re.MULTILINE
)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_is_understood(line: str) -> None:
    """What each does is shown by the tests of the command line."""
    name, *arguments = shlex.split(line, comments=True)
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.make_context(name, arguments).command is command


def test_the_messages_that_are_told_by_symptom_are_in_the_code() -> None:
    code = "\n".join(messages.of_the_code())

    assert len(COMMANDS) > 5
    assert len(SYMPTOMS) > 20
    assert [words for words in SYMPTOMS if words not in code] == []
    quoted = re.findall(r"`([^`\n]+)`", README.split("\n### What fails most with Multus\n", 1)[1])
    said = [words for words in quoted if " " in words and not words.startswith("multinet ")]
    assert len(said) > 15
    assert [words for words in said if words not in code] == []


@pytest.mark.kernel
@pytest.mark.parametrize("command", ["doctor", "ls", "ls networks", "show shop/web-0", "ipam"])
def test_the_keys_that_programs_read_are_all_told_and_no_others(
    command: str, tmp_path: Path, pod: Netns
) -> None:
    pod.ip("link", "set", "lo", "up")
    pod.ip("route", "add", "192.0.2.0/24", "dev", "lo")
    node = NodeFiles(folder=tmp_path)
    node.write()
    node.record("shop/web-0", "container-1", pod.path, mac="02:00:00:00:00:01")
    node.give("pods", "10.244.0.2", "container-1\r\neth0")
    name = command.partition(" shop")[0]
    (row,) = re.findall(rf"^\| `{name}`[^|]*\| (.+) \|$", JSON_TABLE, re.MULTILINE)
    said = run(*command.split(), "-o", "json", "--config", str(node.config), fails=None).stdout

    assert set(re.findall(r"`(\w+)`", row)) - {"ls"} == keys(json.loads(said))


def keys(document: Any) -> set[str]:
    """At any depth."""
    if isinstance(document, dict):
        return set(document) | {key for value in document.values() for key in keys(value)}
    return {key for value in document for key in keys(value)} if isinstance(document, list) else set()
