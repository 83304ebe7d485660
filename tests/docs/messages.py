"""Every text that the code can say, as it says it: a literal in one piece, whatever lines it stands on.

What is filled in is ``{}``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.conftest import ROOT

ROOMS = ("multinet", "delegates")
C_LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*')


@cache
def of_the_code() -> tuple[str, ...]:
    found: list[str] = []
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            found += _python(file.read_text(encoding="utf-8"))
        for file in (ROOT / room).rglob("*.c"):
            pieces = C_LITERALS.findall(file.read_text(encoding="utf-8"))
            found += [re.sub(r'"\s*"', "", piece)[1:-1] for piece in pieces]
    return tuple(found)


def _python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
