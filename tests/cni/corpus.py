"""The corpus of results: each file holds a result as its author wrote it and, under ``==> VERSION``, what the
reference's library (v1.3.0) prints when it has read that and tells it in that version.

``oldest``, ``middle`` and ``newest`` are the three shapes a result can have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "corpus" / "results"
SHAPES = {
    "oldest": ("0.1.0", "0.2.0"),
    "middle": ("0.3.0", "0.3.1", "0.4.0"),
    "newest": ("1.0.0", "1.1.0"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One file. ``told``: version -> bytes, or ``error: ...``."""

    name: str
    versions: tuple[str, ...]
    given: dict[str, Any]
    told: dict[str, bytes]


def read() -> Iterator[Written]:
    for shape, versions in SHAPES.items():
        for path in sorted((FOLDER / shape).glob("*.txt")):
            given, *sections = re.split(rb"^==> ", path.read_bytes(), flags=re.MULTILINE)
            told = dict(section.removesuffix(b"\n").split(b"\n", 1) for section in sections)
            yield Written(
                name=f"{shape}/{path.stem}",
                versions=versions,
                given=json.loads(given),
                told={version.decode(): text for version, text in told.items()},
            )
