"""Tables whose rows are in many files, one a subject: whoever adds a subject adds a file and changes no other."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from tests.support import tree


def modules(package: str, pattern: str = "*.py") -> Iterator[ModuleType]:
    """Those of a folder, by their names: ``modules("tests.equality.cases")``. Files that begin with _ are none."""
    for file in sorted(tree.ROOT.joinpath(*package.split(".")).glob(pattern)):
        if not file.name.startswith("_"):
            yield import_module(f"{package}.{file.stem}")
