"""What goes on around a guest: it gets its job and is booted, and what the tests write is shown as it comes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv" / "bin" / "python"
JOB: Final = "job"
"""The folder, in that of a run, which the guest is to see."""
FAILED: Final = 2
"""The exit status when it was not the tests that failed."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "HOME": "/tmp",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Guest:
    """``word``: the name of its temporary folder, and with _SECONDS of the variable for its time."""

    name: str
    word: str
    seconds: float
    """For all of the tests, if the variable says nothing else."""
    command: Callable[[Path], Sequence[str | Path]]
    """What boots it, given the folder of the run."""
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)
    """Of that command."""

    def fail(self, why: str) -> int:
        print(f"{self.name}: {why}", file=sys.stderr)
        return FAILED

    def unprepared(self, target: str, why: str) -> int:
        """Make what it needs; the exit status where that can't be, else 0."""
        if os.geteuid() != 0:
            return self.fail("it must be run as root, since the tests inside make namespaces on root's files")
        if subprocess.run(["make", "--no-print-directory", "-C", str(ROOT), target]).returncode:
            return self.fail(why)
        return 0

    def test(self, *arguments: str, **more: str) -> int:
        """Run pytest there, and return its exit status. ``more`` goes with the job."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        folder = Path(tempfile.mkdtemp(prefix=f"multinet-{self.word}-"))
        try:
            job = {
                "argv": [str(PYTHON), "-m", "pytest", "-p", "no:cacheprovider", *arguments],
                "cwd": str(ROOT),
                "env": dict(ENVIRONMENT),
                **more,
            }
            (folder / JOB).mkdir()
            (folder / JOB / "job.json").write_text(json.dumps(job))
            (folder / JOB / "output").touch()
            return self._boot(folder)
        finally:
            shutil.rmtree(folder)

    def _boot(self, folder: Path) -> int:
        status, console = folder / JOB / "status", folder / "console"
        seconds = float(os.environ.get(f"{self.word.upper()}_SECONDS", self.seconds))
        with console.open("wb") as out:
            guest = subprocess.Popen(
                self.command(folder), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment
            )
        try:
            ended = follow(guest, folder / JOB / "output", seconds)
        finally:
            guest.kill()
            guest.wait()
        if not status.exists():
            why = "it ended before the tests did" if ended else f"the tests ran for more than {seconds:g} s"
            return self.fail(f"{why}; its console said:\n{console.read_text(errors='replace')}")
        return int(status.read_text())


def follow(guest: subprocess.Popen[bytes], output: Path, seconds: float) -> bool:
    """Copy what comes to ``output`` to our own, until the guest ends (True) or its time is over (False)."""
    deadline = time.monotonic() + seconds
    with output.open("rb") as text:
        while True:
            ended = guest.poll() is not None
            sys.stdout.buffer.write(text.read())
            sys.stdout.buffer.flush()
            if ended or time.monotonic() > deadline:
                return ended
            time.sleep(0.1)
