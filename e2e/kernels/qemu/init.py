"""The first program on the emulated machine; what it does is in `guest.py` beside this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from e2e.kernels import guest

JOB = Path("/run/job")


def main() -> None:
    guest.mount("proc", "/proc")
    guest.mount("sysfs", "/sys")
    guest.mount("devtmpfs", "/dev")
    guest.mount("devpts", "/dev/pts")
    for own in guest.OWN:
        guest.mount("tmpfs", own)
    share("job", str(JOB))
    job = guest.read(JOB)
    if not os.path.exists(job["cwd"]):
        share(
            "checkout", job["cwd"], "ro"
        )  # it is under the machine's /tmp, which the guest's has just hidden
    modprobe = guest.find_modules(job["modules"])
    for module in ("igb", "igbvf"):
        subprocess.run([str(modprobe), module], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    guest.do(job, JOB)


def share(tag: str, place: str, *options: str) -> None:
    """A folder of the machine's."""
    guest.mount("9p", place, "trans=virtio", "version=9p2000.L", "msize=512000", *options, source=tag)


guest.run_and_halt(main)
