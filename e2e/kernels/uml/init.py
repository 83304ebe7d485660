"""The first program inside User-Mode Linux: make a world for the tests, run them, note how they ended, halt.

The machine's root folder is this kernel's, read-only. Writable are /run, /tmp, /dev/shm, the guest's own, and
the folder given as the argument, the machine's: it holds job.json and gets `output` and `status`.
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
MODULES = "/usr/lib/uml/modules"
MODPROBE = """#!/bin/sh
exec /sbin/modprobe -d /run/uml "$@"
"""


def main(folder: str) -> None:
    mount("proc", "/proc")
    mount("sysfs", "/sys")
    mount("devpts", "/dev/pts")
    for own in ("/run", "/tmp", "/dev/shm"):
        mount("tmpfs", own)
    mount("hostfs", folder, "rw", folder)  # it is under the machine's /tmp, which the guest's has just hidden
    find_modules()
    job = json.loads(Path(folder, "job.json").read_text())
    if not os.path.exists(job["cwd"]):
        mount("hostfs", job["cwd"], "ro", job["cwd"])  # hidden just so
    with open(Path(folder, "output"), "wb") as output:
        done = subprocess.run(
            job["argv"],
            cwd=job["cwd"],
            env=job["env"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    Path(folder, "status").write_text(str(done.returncode))


def mount(kind: str, place: str, *options: str) -> None:
    os.makedirs(place, exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", ",".join(options or ("rw",)), kind, place], check=True)


def find_modules() -> None:
    """Let the kernel load its modules by itself, from where the package has put them."""
    base = Path("/run/uml")
    (base / "lib").mkdir(parents=True)
    (base / "lib" / "modules").symlink_to(MODULES)
    modprobe = base / "modprobe"
    modprobe.write_text(MODPROBE)
    modprobe.chmod(0o755)
    Path("/proc/sys/kernel/modprobe").write_text(str(modprobe))


try:
    main(sys.argv[1])
except Exception:
    traceback.print_exc()  # now: nobody is there any more who would print it later
finally:
    sys.stderr.flush()
    ctypes.CDLL(None).reboot(POWER_OFF)
