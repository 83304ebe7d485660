"""Set-up in the middle of a run: what it needs is on the machine's network, which the run has left.

``network`` is the open file of that network's namespace, the fixture ``outside``.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.support import tree


def make(network: int, target: str) -> None:
    """`make target`: what is up to date is not done again."""
    run(network, "make", "--no-print-directory", target)


def run(network: int, *argv: str) -> None:
    """The test fails with all that the program said, if it ends with an error."""
    done = subprocess.run(
        ["nsenter", f"--net=/proc/self/fd/{network}", "--", *argv],
        pass_fds=[network],
        cwd=tree.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"`{' '.join(argv)}` failed:\n{done.stdout}", pytrace=False)
