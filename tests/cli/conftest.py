"""A sandbox of the test's own: a node of a name that nobody else has, and its state in the test's folder."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from multinet.cli import main, sources
from tests.daemon.conftest import make_node as make_node
from tests.daemon.conftest import shim as shim
from tests.support.netns import Netns

ROOT = Path(__file__).parents[2]
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """``multinet sandbox`` on one node."""

    node: str
    state: Path

    def __call__(self, command: str, *args: object, fails: int = 0) -> Result:
        """Run a command of the sandbox; a status other than ``fails`` is an AssertionError with all it said."""
        own = ["--state", str(self.state), "--node", self.node]
        done = CliRunner().invoke(main, ["sandbox", command, *own, *map(str, args)], catch_exceptions=False)
        assert done.exit_code == fails, done.output
        return done

    def lines(self, command: str, *args: object) -> list[str]:
        return self(command, *args).stdout.splitlines()

    def json(self, command: str, *args: object) -> Any:
        return json.loads(self(command, *args, "--output", "json").stdout)

    def namespace(self, name: str = "") -> Netns:
        """The node's, or that of a pod ``namespace.name``, or ``lan``."""
        return Netns(name=".".join(filter(None, [self.node, name])))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(node=f"mn-{os.getpid()}-{next(_numbers)}", state=tmp_path / "sandboxes")
    yield commands
    commands("down", "--force")


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a file of the test's folder ``manifests``: ``write("pods.yaml", text)`` -> its path."""

    def write_(name: str, text: str) -> Path:
        file = tmp_path / "manifests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write_


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster and no settings of a node are around; relative paths are the test's own."""
    monkeypatch.setattr(sources, "CONFIG", tmp_path / "no-config.yaml")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
