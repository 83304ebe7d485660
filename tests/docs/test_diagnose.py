"""README.md, "Diagnose": each command can be typed as it stands, and each message is one that the code has."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from multinet.cli import main
from tests.conftest import ROOT

SECTION = (
    (ROOT / "README.md")
    .read_text(encoding="utf-8")
    .split("\n## Diagnose\n", 1)[1]
    .split("\n### The agent\n", 1)[0]
)
COMMANDS = re.findall(r"^    multinet (.*)$", SECTION, re.MULTILINE)
SYMPTOMS = re.findall(r"^\| `([^`]+)`[^|]*\| .+ \| .+ \|$", SECTION, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_is_understood(line: str) -> None:
    """What each does is shown by the tests of the command line."""
    name, *arguments = shlex.split(line, comments=True)
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.make_context(name, arguments).command is command


def test_the_messages_that_are_told_by_symptom_are_in_the_code() -> None:
    sources = [file for folder in ("multinet", "delegates") for file in (ROOT / folder).rglob("*.py")]
    code = "\n".join(file.read_text(encoding="utf-8") for file in sources)

    assert len(COMMANDS) > 5
    assert len(SYMPTOMS) > 20
    assert [words for words in SYMPTOMS if words not in code] == []
