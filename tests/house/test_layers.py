"""Which way imports point (import-linter's contracts in pyproject.toml), and that each contract bites."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import tree

# One import that each contract forbids, by the beginning of the contract's name.
BROKEN = {
    "the flow": ("multinet/errors.py", "import multinet.steps"),
    "only the composition roots": ("multinet/pipeline/__init__.py", "import multinet.state"),
    "the pure rooms": ("multinet/cni/types.py", "import socket"),
    "multinet never imports delegates": ("multinet/delegate/registry.py", "import delegates.main.bridge"),
    "a delegate sees": ("delegates/main/ptp/delegate.py", "import multinet.verbs"),
    "delegates are unaware": ("delegates/main/ptp/conf.py", "import delegates.main.macvlan.conf"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """As `lint-imports` does it, over the packages in ``folder`` and not over the installed ones."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "300"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_contract_is_kept():
    found = lint_imports(tree.ROOT)
    assert found.returncode == 0, found.stdout


def test_every_contract_is_tried_below():
    contracts = [contract["name"] for contract in tree.pyproject()["tool"]["importlinter"]["contracts"]]
    assert [name for name in contracts if not name.startswith(tuple(BROKEN))] == []
    assert [start for start in BROKEN if not any(name.startswith(start) for name in contracts)] == []


@pytest.mark.parametrize("contract", BROKEN)
def test_an_import_that_a_contract_forbids_is_caught(contract: str, tmp_path: Path):
    for package in ("multinet", "delegates"):
        shutil.copytree(tree.ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(tree.ROOT / "pyproject.toml", tmp_path)
    file, statement = BROKEN[contract]
    with (tmp_path / file).open("a") as module:
        module.write(f"\n{statement}\n")
    found = lint_imports(tmp_path)
    assert found.returncode == 1, found.stdout
    broken = [line for line in found.stdout.splitlines() if line.rstrip().endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), found.stdout
