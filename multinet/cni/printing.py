"""JSON printed as the reference prints it: Go's ``json.MarshalIndent`` with four spaces, byte for byte.

Go also escapes what could end a script element in HTML, and writes U+FFFD for what is not Unicode.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring
from typing import Any, Final

_STEP: Final = "    "
_ESCAPED: Final = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def pretty(value: dict[str, Any], *, sort: bool = False) -> bytes:
    """``value`` holds objects, lists, texts and whole numbers. ``sort``: keys in order of the alphabet."""
    return _ESCAPED.sub(_escape, _print(value, "\n", sort)).encode()


def _print(value: Any, margin: str, sort: bool) -> str:
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is int:
        return str(value)
    inner = margin + _STEP
    if type(value) is list:
        return (
            f"[{','.join([inner + _print(item, inner, sort) for item in value])}{margin}]" if value else "[]"
        )
    if not value:
        return "{}"
    members = sorted(value.items()) if sort else value.items()
    lines = [
        f"{inner}{encode_basestring(key)}: "
        f"{encode_basestring(member) if type(member) is str else _print(member, inner, sort)}"
        for key, member in members
    ]
    return f"{{{','.join(lines)}{margin}}}"


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return "\\ufffd" if "\ud800" <= char <= "\udfff" else f"\\u{ord(char):04x}"
