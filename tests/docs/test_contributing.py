"""What CONTRIBUTING.md says works."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile

import pytest

from tests.conftest import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
@pytest.mark.usefixtures("shim", "peers")
def test_the_program_that_runs_the_agent_from_a_checkout_runs() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    with tempfile.TemporaryDirectory(
        prefix="mn-"
    ) as folder:  # the path of a unix socket has 107 bytes at most
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert '"event": "verb done"' in done.stdout
    assert 'multinet_requests_total{code="0",verb="ADD"} 1.0' in done.stdout
    assert "'address': '10.244.0.2/16'" in done.stdout


def test_every_mark_of_a_test_is_in_the_table() -> None:
    marks = re.findall(r'^  "(\w+): ', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    section = CONTRIBUTING.split("\n## Tests\n", 1)[1].split("\n- ", 1)[0]

    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(marks)


def test_make_help_tells_every_command_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z0-9-]*):.*?## (.+)$", makefile, re.MULTILINE)
    done = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True)

    assert len(targets) > 20
    told = dict(re.findall(r"^make (\S+) +(.+)$", done.stdout, re.MULTILINE))
    assert told == dict(targets)
