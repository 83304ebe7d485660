"""The table: every row is a configuration that both are given.

All rows of all files of this folder. A type that is new has a file ``<type>.py`` here, with its CASES; or, where
there is no program to compare it with, with NO_REFERENCE, which says why: ``NO_REFERENCE = {"type": "why"}``.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.case import Case
from tests.support import gather

_MODULES = tuple(gather.modules(__name__))

CASES: tuple[Case, ...] = tuple(case for module in _MODULES for case in getattr(module, "CASES", ()))

NO_REFERENCE: Mapping[str, str] = {
    type_: why for module in _MODULES for type_, why in getattr(module, "NO_REFERENCE", {}).items()
}
"""Types that are compared with nothing, and why."""
