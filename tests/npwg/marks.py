"""Texts with the expected place of the caret marked in them by a caret."""

from __future__ import annotations


def unmark(marked: str) -> tuple[str, str]:
    """The text itself, and the two lines an error about that place ends with."""
    before, _, after = marked.partition("^")
    line_before, line_after = before.rpartition("\n")[2], after.partition("\n")[0]
    return before + after, f"    {(line_before + line_after).rstrip()}\n    {' ' * len(line_before)}^"
