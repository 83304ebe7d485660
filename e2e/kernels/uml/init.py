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
from pathlib import Path

POWER_OFF = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF
MODULES = "/usr/lib/uml/modules"
MODPROBE = """#!/bin/sh
exec /sbin/modprobe -d /run/uml "$@"
"""


def main(folder: str) -> None:
    # The guest's /tmp would hide the folder, which is under the machine's: so it is mounted again, on top.
    for kind, place, options in (
        ("proc", "/proc", ""),
        ("sysfs", "/sys", ""),
        ("tmpfs", "/run", ""),
        ("tmpfs", "/tmp", ""),
        ("devpts", "/dev/pts", ""),
        ("tmpfs", "/dev/shm", ""),
        ("hostfs", folder, folder),
    ):
        os.makedirs(place, exist_ok=True)
        mount(kind, place, options)
    find_modules()
    job = json.loads(Path(folder, "job.json").read_text())
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


def mount(kind: str, place: str, options: str) -> None:
    subprocess.run(["mount", "-t", kind, *(["-o", options] if options else []), kind, place], check=True)


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
finally:
    sys.stderr.flush()
    ctypes.CDLL(None).reboot(POWER_OFF)
