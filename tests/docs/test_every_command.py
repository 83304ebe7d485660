"""Every command of every document has a test that types it, or stands in the short list of those that none can."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.docs.claims import CLAIMS, Claim, Command, of
from tests.support import tree

DOCUMENTS = [str(path.relative_to(tree.ROOT)) for path in tree.tracked("*.md")]
COMMANDS = [command for document in DOCUMENTS for command in of(document)]
MOST_UNTRIED = 16


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: f"{one.document}: {one.line[:60]}")
def test_somebody_types_it_or_says_why_nobody_does(command: Command) -> None:
    claims = [claim for claim in CLAIMS if claim.covers(command)]

    assert len(claims) == 1, f"{command} has {len(claims)} claims in tests/docs/claims.py, and needs one"


def test_there_are_commands_and_few_that_nobody_types() -> None:
    untried = [one.line for one in COMMANDS for claim in CLAIMS if claim.covers(one) and claim.why]

    assert len(COMMANDS) > 60
    assert len(untried) <= MOST_UNTRIED, untried


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda one: f"{one.document}: {one.lines}")
def test_a_claim_is_about_something_and_its_test_is_there(claim: Claim) -> None:
    assert [one for one in COMMANDS if claim.covers(one)] != []
    assert bool(claim.by) != bool(claim.why)
    if claim.by:
        file, _, function = claim.by.partition("::")
        assert function in functions(file)


@cache
def functions(file: str) -> set[str]:
    tree_ = ast.parse((tree.ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree_) if isinstance(node, ast.FunctionDef)}
