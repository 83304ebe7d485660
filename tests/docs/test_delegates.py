"""delegates/README.md: every delegate is in its table, and the one that it writes out is installed and works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from multinet.delegate import registry
from tests.conftest import ROOT
from tests.support.netns import Netns

README = (ROOT / "delegates" / "README.md").read_text(encoding="utf-8")
FILES: Mapping[str, str] = {
    "toml": "pyproject.toml",
    "json": "queue_length/schema.json",
    "python": "queue_length/__init__.py",
}
"""The language of a block -> the file that it is."""


def test_every_delegate_is_in_the_table_with_its_room() -> None:
    told = dict(re.findall(r"^\| \[([a-z-]+)\]\(([^)]+)\) \|", README, re.MULTILINE))

    assert set(told) == set(registry.installed())
    assert [room for room in told.values() if not (ROOT / "delegates" / room).is_file()] == []


@pytest.mark.kernel
@pytest.mark.long
def test_the_delegate_that_is_written_there_is_installed_and_served(tmp_path: Path, pod: Netns) -> None:
    package, site = tmp_path / "package", tmp_path / "site"
    (package / "queue_length").mkdir(parents=True)
    for language, file in FILES.items():
        (text,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
        (package / file).write_text(text)
    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
    command = [sys.executable, "-m", "pip", "install", *offline, str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    pod.ip("link", "add", "eth0", "type", "veth", "peer", "name", "other")

    def call(verb: str, **conf: Any) -> dict[str, Any]:
        result = {"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": pod.path}]}
        chained = {"cniVersion": "1.1.0", "name": "lan", "type": "queue-length", "prevResult": result, **conf}
        env = {
            "PYTHONPATH": str(site),
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": "c1",
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/nonexistent",
        }
        program = [sys.executable, "-m", "multinet.delegate", "queue-length"]
        said = subprocess.run(
            program, input=json.dumps(chained), env=env, capture_output=True, text=True, timeout=60
        )
        return json.loads(said.stdout) if said.stdout.strip() else {}

    assert [one["name"] for one in call("ADD", packets=77)["interfaces"]] == ["eth0"]
    (link,) = pod.json("ip", "-j", "link", "show", "eth0")
    assert link["txqlen"] == 77
    assert call("CHECK", packets=77) == {}
    assert call("CHECK", packets=78) == {
        "code": 999,
        "msg": "the queue of eth0 has 77 packets, 78 are configured",
    }
    assert call("ADD", packets=0) == {
        "code": 7,
        "msg": "packets: 0 is less than 1, the least allowed",
        "details": "The queue's length in packets",
    }
    assert call("DEL", packets=77) == {}
