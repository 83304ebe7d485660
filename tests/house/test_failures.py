"""The twenty failures that are met most: each is reproduced by a test, and told in the documents."""

from __future__ import annotations

import re

from tests.failures.the_twenty import TWENTY
from tests.support import tree

FAILURES = tree.ROOT / "tests" / "failures"


def test_each_of_the_twenty_is_reproduced_and_no_other() -> None:
    found = set()
    for file in FAILURES.glob("test_*.py"):
        found |= set(
            re.findall(r"^def test_(\d\d)_|^    \"(\d\d) ", file.read_text(encoding="utf-8"), re.MULTILINE)
        )
    numbers = {int(function or row) for function, row in found}

    assert numbers == set(TWENTY) == set(range(1, 21))


def test_each_of_the_twenty_is_told_in_its_words() -> None:
    told = (tree.ROOT / "multinet" / "cli" / "README.md").read_text(encoding="utf-8")
    section = told.split("\n### What fails most with Multus\n", 1)[1].split("\n## ", 1)[0]

    assert re.findall(r"^\| (\d+) \| ([^|]+) \|", section, re.MULTILINE) == [
        (str(number), title) for number, title in TWENTY.items()
    ]
