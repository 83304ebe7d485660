"""``python -m tests.daemon.mortal --config FILE``: the agent, which stops for good or for a while at a given step.

It writes each step (``multinet.steps``) into ``steps`` beside its settings. When a file ``arm`` is there, which
says "KILL 7" or "STOP 7", the process gets that signal just before the seventh step from then on, once. The file is
then ``arm.taken``, and ``arm.fired`` when it has come to that: who removes the first two in time has taken it back.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock

from multinet import steps
from multinet.daemon.app import run


class Fate:
    """Listens to the steps of all threads."""

    def __init__(self, folder: Path) -> None:
        self._steps = (folder / "steps").open("a", buffering=1)
        self._arm, self._taken, self._fired = (folder / name for name in ("arm", "arm.taken", "arm.fired"))
        self._lock = Lock()
        self._signal = ""
        self._left = 0

    def __call__(self, what: str) -> None:
        with self._lock:
            self._steps.write(f"{what}\n")
            with suppress(FileNotFoundError):
                self._arm.rename(self._taken)
                self._signal, left = self._taken.read_text().split()
                self._left = int(left)
            if self._signal:
                self._left -= 1
                if self._left == 0:
                    number, self._signal = signal.Signals[f"SIG{self._signal}"], ""
                    with suppress(FileNotFoundError):
                        self._taken.rename(self._fired)
                        os.kill(os.getpid(), number)


if __name__ == "__main__":
    file = Path(sys.argv[-1])
    steps.listen(Fate(file.parent))
    sys.exit(run(file))
