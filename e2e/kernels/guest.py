"""What goes on in a guest: a world for the tests is made, they are run, how they ended is noted, and it halts.

The machine's root folder is the guest's, read-only. Writable are /run, /tmp and /dev/shm, the guest's own, and the
folder of the job, the machine's: it holds job.json and gets `output` and `status`.

Nothing here is imported late: the guest's own /tmp hides a checkout that is there.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

POWER_OFF: Final = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OWN: Final = ("/run", "/tmp", "/dev/shm")
MODPROBE: Final = """#!/bin/sh
exec /sbin/modprobe -d {folder} "$@"
"""


def mount(kind: str, place: str, *options: str, source: str = "") -> None:
    os.makedirs(place, exist_ok=True)
    subprocess.run(
        ["mount", "-t", kind, "-o", ",".join(options or ("rw",)), source or kind, place], check=True
    )


def find_modules(folder: str) -> Path:
    """Let the kernel load its modules by itself, from ``folder``; the program that does it."""
    base = Path("/run/kernel")
    (base / "lib").mkdir(parents=True)
    (base / "lib" / "modules").symlink_to(folder)
    modprobe = base / "modprobe"
    modprobe.write_text(MODPROBE.format(folder=base))
    modprobe.chmod(0o755)
    Path("/proc/sys/kernel/modprobe").write_text(str(modprobe))
    return modprobe


def read(folder: Path) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    return job


def do(job: dict[str, Any], folder: Path) -> None:
    with (folder / "output").open("wb") as output:
        done = subprocess.run(
            job["argv"],
            cwd=job["cwd"],
            env=job["env"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    (folder / "status").write_text(str(done.returncode))


def run_and_halt(main: Callable[[], None]) -> None:
    """As the first program there is."""
    os.environ["PATH"] = PATH
    try:
        main()
    except Exception:
        traceback.print_exc()  # now: nobody is there any more who would print it later
    finally:
        sys.stderr.flush()
        os.sync()
        ctypes.CDLL(None).reboot(POWER_OFF)
