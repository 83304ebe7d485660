"""The working tree as the house's tests see it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    """The files git knows of (and that are still there), by git's own patterns."""
    # Root often runs this in a folder that is somebody else's, which git wants to be told is meant.
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    names = subprocess.run(
        [*git, "ls-files", "-z", "--", *patterns], capture_output=True, text=True, check=True
    )
    return [path for name in names.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def tool(module: str, *argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run one of the development tools by its module, with both its outputs in ``stdout``."""
    return subprocess.run(
        [sys.executable, "-m", module, *argv],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
