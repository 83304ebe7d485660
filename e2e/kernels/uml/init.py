"""The first program inside User-Mode Linux; what it does is in `guest.py` beside this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from e2e.kernels import guest

MODULES = "/usr/lib/uml/modules"


def main() -> None:
    folder = sys.argv[1]
    guest.mount("proc", "/proc")
    guest.mount("sysfs", "/sys")
    guest.mount("devpts", "/dev/pts")
    for own in guest.OWN:
        guest.mount("tmpfs", own)
    share(folder, "rw")  # it is under the machine's /tmp, which the guest's has just hidden
    guest.find_modules(MODULES)
    job = guest.read(Path(folder))
    if not os.path.exists(job["cwd"]):
        share(job["cwd"], "ro")  # hidden just so
    guest.do(job, Path(folder))


def share(folder: str, how: str) -> None:
    """A folder of the machine's, at its own place."""
    guest.mount("hostfs", folder, how, folder)


guest.run_and_halt(main)
