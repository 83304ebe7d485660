"""The whole of multinet and its delegates is typed, strictly (settings in pyproject.toml)."""

from __future__ import annotations

from tests.support import tree


def test_mypy_strict_finds_nothing():
    assert tree.pyproject()["tool"]["mypy"]["strict"] is True
    found = tree.tool("mypy", "--no-color-output")
    assert found.returncode == 0, found.stdout
