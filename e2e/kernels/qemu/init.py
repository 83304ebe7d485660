"""The first program on the emulated machine; what it does is in `guest.py` beside this folder."""

from __future__ import annotations

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
    guest.mount("9p", str(JOB), "trans=virtio,version=9p2000.L,msize=512000", source="job")
    job = guest.read(JOB)
    modprobe = guest.find_modules(job["modules"])
    for module in ("igb", "igbvf"):
        subprocess.run([str(modprobe), module], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    guest.do(job, JOB)


guest.run_and_halt(main)
