"""How the agent's parts end, and an agent that is told to before it has begun."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from multinet.daemon.stopping import stop_together
from tests.daemon.observe.conftest import Logged, logged

__all__ = ["logged"]

EARLY = """\
import os, signal, sys
os.kill(os.getpid(), signal.SIGTERM)
sys.exit("it was not heard")
"""


def test_parts_that_hang_or_fail_take_nothing_from_the_others(logged: Logged):
    over, ended = threading.Event(), []

    def fail() -> None:
        raise OSError("the disk is gone")

    began = time.monotonic()
    parts = {"a": over.wait, "b": fail, "c": lambda: ended.append("c"), "d": over.wait}
    left = stop_together(parts, 0.3)
    took = time.monotonic() - began
    over.set()

    assert (left, ended) == (["a", "d"], ["c"])
    assert 0.3 <= took < 2
    assert [(line["event"], line["part"], line["error"]) for line in logged()] == [
        ("could not be stopped", "b", "the disk is gone")
    ]


@pytest.mark.kernel
def test_an_agent_that_is_told_to_stop_while_it_is_being_loaded_ends(tmp_path: Path):
    """As the first process of a container, which hears no signal that it has no handler for."""
    (tmp_path / "click.py").write_text(EARLY)  # stands for whatever is imported just then
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "multinet.daemon"],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
