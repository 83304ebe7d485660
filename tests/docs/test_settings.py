"""The settings' own README: made of the schema, and its examples are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from multinet.config import Settings
from tests.docs.generated import ROOT, TABLES, renewed

README = (ROOT / "multinet" / "config" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", sorted({document for document, _ in TABLES}))
def test_its_tables_are_those_of_the_code(document: str) -> None:
    """`make docs` writes them."""
    text = (ROOT / document).read_text(encoding="utf-8")

    assert renewed(document, text).splitlines() == text.splitlines()


def test_its_examples_are_read() -> None:
    agent, entry = (yaml.safe_load(text) for text in re.findall(r"```\w+\n(.*?)```", README, re.DOTALL))

    assert Settings.parse(agent, primary_is_found=True).global_namespaces == {"shared"}
    assert Settings.parse(entry["plugins"][0]).folder == Path("/etc/multinet/cluster")
