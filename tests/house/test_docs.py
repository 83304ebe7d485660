"""What the documents say can be done, can be done: commands of the Makefile, and links between files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import tree

DOCUMENTS = tree.tracked("*.md")
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):.*?## ", (tree.ROOT / "Makefile").read_text(), re.MULTILINE))
MAKE = re.compile(r"(?:^\s*|`|\$ |sudo )make ([a-z][a-z0-9-]*)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\]\(([^)#:\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name(document: Path) -> str:
    return str(document.relative_to(tree.ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_make_command_in_it_exists(document: Path):
    assert set(MAKE.findall(document.read_text())) - TARGETS == set()


def test_every_make_command_is_in_the_readme_or_in_contributing():
    told = {
        command
        for file in ("README.md", "CONTRIBUTING.md")
        for command in MAKE.findall((tree.ROOT / file).read_text())
    }
    assert TARGETS - told == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_in_it_leads_to_a_file(document: Path):
    links = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings: small letters, without punctuation, hyphens for spaces."""
    text = FENCED.sub("", document.read_text())
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_in_it_to_a_heading_leads_to_one(document: Path):
    links = [
        (file, anchor)
        for file, anchor in ANCHOR.findall(document.read_text())
        if anchor not in anchors((document.parent / file) if file else document)
    ]
    assert links == []
