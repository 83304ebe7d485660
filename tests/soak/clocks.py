"""Monotonic clocks of one's own: the agent that is started with one lives in another time since boot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CLOCKS: Final = (0, 10_000_000, -1)
"""Monotonic clocks that an agent can be started with: seconds that are added to the machine's; -1: half of it is
taken away."""


@contextmanager
def clock(folder: Path, seconds: int) -> Iterator[Path]:
    """A file that stands for a time namespace, whose monotonic clocks are that far from the machine's."""
    if seconds < 0:
        with open("/proc/uptime") as uptime:
            seconds = -int(float(uptime.read().split()[0]) / 2)
    file = folder / f"clock{seconds:+d}"
    file.touch()
    subprocess.run(
        ["unshare", f"--time={file}", f"--monotonic={seconds}", f"--boottime={seconds}", "true"], check=True
    )
    try:
        yield file
    finally:
        subprocess.run(["umount", file], check=True)
