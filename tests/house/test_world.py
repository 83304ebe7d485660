"""The fixtures keep their promises: a run has a world of its own, and what tests make is gone after them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.netns import Netns

pytestmark = pytest.mark.kernel
ROOT = Path(__file__).parents[2]

LEAVES_TRACES = """
import subprocess, pytest

@pytest.mark.kernel
def test_untidy(netns):
    subprocess.run("ip netns add untidy".split(), check=True)
    subprocess.run("ip link add untidy0 type veth peer untidy1".split(), check=True)
    subprocess.Popen(["sleep", "61"])
    subprocess.Popen(netns().command("sleep", "62"))
"""


def test_the_run_is_not_in_the_machines_network(outside: int):
    assert os.stat("/proc/self/ns/net").st_ino != os.fstat(outside).st_ino


def test_an_ifb_of_ours_brings_none_into_the_machines_network(host: Netns, outside: int):
    """As the module does by itself, on machines where it is one."""

    def links() -> list[str]:
        show = ["nsenter", f"--net=/proc/self/fd/{outside}", "ip", "-o", "link", "show", "type", "ifb"]
        done = subprocess.run(show, pass_fds=[outside], capture_output=True, text=True, check=True)
        return [line.split(":")[1] for line in done.stdout.splitlines()]

    before = links()
    host.ip("link", "add", "ifb7", "type", "ifb")
    assert links() == before


def test_the_host_and_the_pod_are_two_namespaces(host: Netns, pod: Netns):
    host.ip("link", "add", "br0", "type", "bridge")
    assert (host.links(), pod.links()) == (["br0"], [])


def test_what_tests_leave_over_fails_the_run(tmp_path: Path):
    """A process in a namespace of the ``netns`` fixture is ended with it, so only the other one is named."""
    (tmp_path / "test_untidy.py").write_text(LEAVES_TRACES)
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    settings = ["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml")]
    command = [sys.executable, "-m", "pytest", *settings, str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    left_over = re.search(
        r"links left over: untidy0, untidy1; processes left over: (\d+) sleep 61\n", run.stdout
    )
    assert left_over, run.stdout
    os.kill(int(left_over[1]), signal.SIGKILL)
    assert "after all tests: namespaces left over: untidy; links" in run.stdout
    assert run.returncode == 1
