"""What the README says is true: its commands run, its examples are read."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.config import Settings
from multinet.npwg import nad, selection
from multinet.npwg.annotations import NETWORKS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    multinet sandbox ")
]
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[Any]:
    return [yaml.safe_load(text) for kind, text in BLOCKS if kind == language]


def test_the_examples_are_read() -> None:
    definition, short, long, agent, settings = blocks("yaml")

    assert nad.parse(definition).name == "storage"
    assert [
        one.network for one in selection.parse(short["metadata"]["annotations"][NETWORKS], home="shop")
    ] == [
        "shop/storage",
        "tenants/lan",
    ]
    assert len(selection.parse(long["metadata"]["annotations"][NETWORKS], home="shop")) == 2
    assert Settings.parse(settings, primary_is_found=True).agent.events == "failures"
    assert Settings.parse(agent, primary_is_found=True).agent.kubeconfig == Path("/etc/multinet/kubeconfig")


@pytest.mark.kernel
def test_the_commands_of_the_sandbox_run_in_the_order_they_stand(tmp_path: Path) -> None:
    assert COMMANDS[0].startswith("multinet sandbox up")
    assert COMMANDS[-1] == "multinet sandbox down"
    own = ["--node", "readme", "--state", str(tmp_path)]
    try:
        for command in [*COMMANDS[:-1], "multinet sandbox status"]:
            _, sandbox, verb, *words = shlex.split(command)
            done = subprocess.run(
                [BIN / "multinet", sandbox, verb, *own, *words], capture_output=True, text=True, cwd=ROOT
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    finally:
        down = subprocess.run([BIN / "multinet", "sandbox", "down", *own], capture_output=True, text=True)
    assert down.returncode == 0, down.stdout + down.stderr
