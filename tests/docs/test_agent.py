"""What the agent's own README says of settings is what the code does; its other tables have tests of their own."""

from __future__ import annotations

import re

from multinet.config.reload import RELOADABLE
from tests.conftest import ROOT

README = (ROOT / "multinet" / "daemon" / "README.md").read_text(encoding="utf-8")


def test_the_settings_that_count_at_once_are_all_named_and_no_others() -> None:
    section = README.split("\n## Starting, stopping, reloading\n", 1)[1].split("\n## ", 1)[0]
    table = "\n".join(line for line in section.splitlines() if line.startswith("| "))
    named = re.findall(r"`([^`]+)`", table)

    assert sorted(named) == sorted(RELOADABLE)


def test_the_files_in_the_picture_of_a_call_are_there() -> None:
    picture = README.split("```", 2)[1]
    files = re.findall(r"\S+\.py", picture)

    assert len(files) > 4
    rooms = (ROOT / "multinet" / "daemon", ROOT / "multinet")
    assert [file for file in files if not any((room / file).exists() for room in rooms)] == []


def test_the_metrics_and_log_keys_that_are_to_be_looked_at_exist() -> None:
    tables, wrong = README.split("\n## When something is wrong\n", 1)
    symptoms = (ROOT / "multinet" / "cli" / "README.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`(multinet_\w+|phases|waited|request|details)`", wrong + symptoms))

    assert len(words) > 8
    assert {word for word in words if f"`{word}`" not in tables} == set()
