"""``python -m tests.daemon.counting --config FILE``: the agent, which says how many objects it has.

At SIGUSR1 it writes the number of Python's memory blocks into ``blocks`` beside its settings. Unlike the size of
the process that number is exact: an object that stays behind shows.
"""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

from multinet.daemon.app import run

if __name__ == "__main__":
    file = Path(sys.argv[-1])

    def count(*_: object) -> None:
        gc.collect()
        new = file.parent / "blocks.new"
        new.write_text(str(sys.getallocatedblocks()))
        new.rename(file.parent / "blocks")

    signal.signal(signal.SIGUSR1, count)
    sys.exit(run(file))
