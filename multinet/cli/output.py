"""What a command prints: a table for people, JSON or YAML for programs; the same content either way.

    @output.option
    def ls(..., output: Format) -> None:
        emit(output, [to_json(pod) for pod in pods], lambda: [Table("POD", "NODE").row(pod.name, pod.node)])

The keys of JSON and YAML are stable: a release may add some, never rename or remove one. Tables are for eyes, and
may change. Colours are for terminals only, and there only without ``NO_COLOR`` (https://no-color.org).

A table is aligned text, on a terminal as in a pipe: what a person sees is what ``grep`` gets.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self
from unicodedata import combining, east_asian_width

import click

GAP: Final = "  "
_UNSAFE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What would move the cursor or change colours, were it printed: names and messages come from anywhere."""


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class Style(StrEnum):
    """What a cell means; what it looks like is in ``_LOOKS``."""

    PLAIN = "plain"
    HEAD = "head"
    FAINT = "faint"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


_LOOKS: Final[dict[Style, dict[str, Any]]] = {
    Style.PLAIN: {},
    Style.HEAD: {"bold": True},
    Style.FAINT: {"dim": True},
    Style.GOOD: {"fg": "green"},
    Style.WARNING: {"fg": "yellow"},
    Style.BAD: {"fg": "red", "bold": True},
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a meaning. Of several lines, each is put below the one before it."""

    text: str
    style: Style = Style.PLAIN


class Table:
    """Rows below headings. Without headings it is a list of what belongs together."""

    def __init__(self, *headings: str, indent: str = "") -> None:
        self._indent = indent
        self._headings = headings
        self._rows: list[tuple[Cell, ...]] = []

    def row(self, *cells: object) -> Self:
        """A ``Cell``, or anything as its ``str``."""
        self._rows.append(tuple(cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in cells))
        return self

    def lines(self, *, coloured: bool = False) -> Iterable[str]:
        heads = tuple(Cell(heading, Style.HEAD) for heading in self._headings)
        split = [[_split(cell) for cell in row] for row in ([heads] if heads else []) + self._rows]
        widths = [
            max(columns(line) for row in split if at < len(row) for line in row[at][0])
            for at in range(max(map(len, split), default=0))
        ]
        for row in split:
            for number in range(max((len(lines) for lines, _ in row), default=0)):
                yield self._indent + _joined(row, number, widths, coloured)


def option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--output table|json|yaml``, handed to the command as ``output``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice([one.value for one in Format]),
        default=Format.TABLE.value,
        show_default=True,
        callback=lambda _context, _parameter, value: Format(value),
        help="Write a table for people, or JSON or YAML whose keys stay as they are.",
    )(command)


def emit(output: Format, document: Any, tables: Callable[[], Iterable[Table | str | Cell]]) -> None:
    """Print ``document``, or the tables and lines that tell a person the same, with nothing between them."""
    if output is Format.TABLE:
        show(*tables())
    else:
        click.echo(dumped(output, document), nl=False)


def show(*things: Table | str | Cell) -> None:
    """Print tables and lines to stdout."""
    coloured = colours()
    for thing in things:
        for line in lines_of(thing, coloured=coloured):
            click.echo(line, color=coloured)


def lines_of(thing: Table | str | Cell, *, coloured: bool = False) -> Iterable[str]:
    if isinstance(thing, Table):
        yield from thing.lines(coloured=coloured)
    else:
        lines, style = _split(thing if isinstance(thing, Cell) else Cell(thing))
        yield from (_styled(line, style, coloured) for line in lines)


def dumped(output: Format, document: Any) -> str:
    """As JSON or YAML, keys in their order."""
    if output is Format.JSON:
        import json

        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def colours(stream: Any = None) -> bool:
    """May what goes to ``stream`` (stdout) have colours?"""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool((stream or sys.stdout).isatty())


def examples(*lines: str) -> str:
    """An ``epilog`` for a command: one example a line, as it is typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def columns(text: str) -> int:
    """How many columns of a terminal it takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _split(cell: Cell) -> tuple[Sequence[str], Style]:
    return [_UNSAFE.sub("\ufffd", line) for line in cell.text.split("\n")], cell.style


def _joined(
    row: Sequence[tuple[Sequence[str], Style]], number: int, widths: Sequence[int], coloured: bool
) -> str:
    """One line of a row. A line ends with its last word, not with the column."""
    parts = [(lines[number] if number < len(lines) else "", style) for lines, style in row]
    while parts and not parts[-1][0]:
        parts.pop()
    told = [
        _styled(text, style, coloured)
        + ("" if at == len(parts) - 1 else " " * (widths[at] - columns(text)) + GAP)
        for at, (text, style) in enumerate(parts)
    ]
    return "".join(told)


def _styled(text: str, style: Style, coloured: bool) -> str:
    looks = _LOOKS[style]
    return click.style(text, **looks) if coloured and looks and text else text
