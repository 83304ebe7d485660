"""What commands print: aligned text for people and for ``grep``, JSON and YAML for programs."""

from __future__ import annotations

import json
import os
import pty
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from multinet.cli import output
from multinet.cli.output import Cell, Format, Style, Table

DOCUMENT = {"pods": [{"name": "cart-0", "networks": ["default/größer"]}], "more": None}


@click.command(epilog=output.examples("thing -o json", "thing | grep x"))
@output.option
def thing(output: Format) -> None:
    """A thing."""
    from multinet.cli.output import emit

    emit(output, DOCUMENT, lambda: ["pods", Table("POD", "NETWORK").row("cart-0", "default/größer")])


def run(*args: str, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(thing, args, env=env, catch_exceptions=False)


def test_people_get_tables():
    assert run().stdout == "pods\nPOD     NETWORK\ncart-0  default/größer\n"


def test_programs_get_json_and_yaml_with_keys_in_their_order():
    assert json.loads(run("-o", "json").stdout) == DOCUMENT
    assert yaml.safe_load(run("--output", "yaml").stdout) == DOCUMENT
    assert run("-o", "yaml").stdout == "pods:\n- name: cart-0\n  networks:\n  - default/größer\nmore: null\n"


def test_another_format_is_refused():
    assert run("-o", "xml").stderr.endswith(
        "Error: Invalid value for '-o' / '--output': 'xml' is not one of 'table', 'json', 'yaml'.\n"
    )


def test_examples_are_at_the_end_of_help_a_line_each():
    assert run("--help").stdout.endswith("\n\n  Examples:\n    thing -o json\n    thing | grep x\n")


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_with_their_last_word():
    table = Table("A", "B", "C").row("long word", "", "x").row("1", "2\n22", "").row("日本", 3, "y")
    assert list(table.lines()) == [
        "A          B   C",
        "long word      x",
        "1          2",
        "           22",
        "日本       3   y",
    ]


def test_a_table_may_have_no_headings_and_stand_inwards():
    assert list(Table(indent="  ").row("pod", "a/b").row("network", "c").lines()) == [
        "  pod      a/b",
        "  network  c",
    ]
    assert list(Table().lines()) == []
    assert list(Table("A", "B").lines()) == ["A  B"]


def test_what_would_move_the_cursor_is_not_printed_as_it_is():
    assert list(Table().row("a\x1b[31mb\rc\x9b", "d").lines()) == ["a\ufffd[31mb\ufffdc\ufffd  d"]
    assert list(output.lines_of("x\x07")) == ["x\ufffd"]


def test_a_cell_with_a_meaning_is_coloured_where_that_is_wanted_and_takes_no_more_room():
    table = Table("A", "B").row(Cell("bad", Style.BAD), "x")
    assert list(table.lines()) == ["A    B", "bad  x"]
    assert list(table.lines(coloured=True)) == [
        "\x1b[1mA\x1b[0m    \x1b[1mB\x1b[0m",
        "\x1b[31m\x1b[1mbad\x1b[0m  x",
    ]


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    ids=str,
)
def test_only_a_terminal_has_colours_and_only_if_it_may(
    env: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal, open(os.devnull, "w") as file:
        assert output.colours(terminal) is expected
        assert not output.colours(file)
