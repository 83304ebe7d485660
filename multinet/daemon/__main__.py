"""``python -m multinet.daemon --config FILE``: the agent of this node, until it is told to stop."""

from __future__ import annotations

import os
import signal
from typing import NoReturn


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_at_once)
    # Only now: loading the rest takes a third of a second.
    from multinet.daemon.command import command

    command()


def end_at_once(*_: object) -> NoReturn:
    """Nothing has been begun. A container's first process does not even hear a signal that it has no handler for."""
    os._exit(0)


if __name__ == "__main__":
    main()
