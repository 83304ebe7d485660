"""Format and lint (settings in pyproject.toml), and the length of files."""

from __future__ import annotations

from tests.support import tree

LONGEST_FILE = 400
"""A file that grows past this usually holds two ideas, and each has a name."""


def test_ruff_finds_nothing():
    found = tree.tool("ruff", "check", "--no-cache", ".")
    assert found.returncode == 0, found.stdout


def test_everything_is_formatted():
    found = tree.tool("ruff", "format", "--no-cache", "--check", ".")
    assert found.returncode == 0, found.stdout


def test_no_file_is_too_long():
    lengths = {
        str(path.relative_to(tree.ROOT)): len(path.read_text().splitlines()) for path in tree.tracked("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}
