"""What goes on in the guest: make a world for the tests, run them, note how they ended, halt.

The machine's root folder is this kernel's, read-only. Writable are /run, /tmp and /dev/shm, the guest's own,
and the folder shared as `job`, the machine's: it holds job.json and gets `output` and `status`.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

POWER_OFF = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF
JOB = Path("/run/job")
MODPROBE = """#!/bin/sh
exec /sbin/modprobe -d /run/kernel "$@"
"""


def main() -> None:
    mount("proc", "/proc")
    mount("sysfs", "/sys")
    mount("devtmpfs", "/dev")
    mount("devpts", "/dev/pts")
    for own in ("/run", "/tmp", "/dev/shm"):
        mount("tmpfs", own)
    mount("9p", str(JOB), "trans=virtio,version=9p2000.L,msize=512000", source="job")
    job = json.loads((JOB / "job.json").read_text())
    find_modules(job["modules"])
    for module in ("igb", "igbvf"):
        subprocess.run(["/run/kernel/modprobe", module], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open(JOB / "output", "wb") as output:
        done = subprocess.run(
            job["argv"],
            cwd=job["cwd"],
            env=job["env"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    (JOB / "status").write_text(str(done.returncode))


def mount(kind: str, place: str, *options: str, source: str = "") -> None:
    os.makedirs(place, exist_ok=True)
    subprocess.run(
        ["mount", "-t", kind, "-o", ",".join(options or ("rw",)), source or kind, place], check=True
    )


def find_modules(folder: str) -> None:
    """Let the kernel load its modules by itself, from where they were unpacked."""
    base = Path("/run/kernel")
    (base / "lib").mkdir(parents=True)
    (base / "lib" / "modules").symlink_to(folder)
    modprobe = base / "modprobe"
    modprobe.write_text(MODPROBE)
    modprobe.chmod(0o755)
    Path("/proc/sys/kernel/modprobe").write_text(str(modprobe))


os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
try:
    main()
except Exception:
    traceback.print_exc()  # now: nobody is there any more who would print it later
finally:
    sys.stderr.flush()
    os.sync()
    ctypes.CDLL(None).reboot(POWER_OFF)
