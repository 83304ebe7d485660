"""The standard streams of an executable, as a container runtime hands them over. Any of them may be closed."""

from __future__ import annotations

import os
import sys


def claim() -> None:
    """Put /dev/null where a stream is closed.

    The next file that is opened would get its number otherwise, and whoever writes to the stream would write
    into a namespace's file or a socket. To be called before anything is opened.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one


def read() -> bytes:
    """All of stdin. Raises OSError."""
    with open(0, "rb", closefd=False) as stdin:
        return stdin.read()


def answer(data: bytes) -> bool:
    """Write to stdout. False when nobody listens any more: whoever asked will ask for DEL."""
    try:
        with open(1, "wb", closefd=False) as stdout:
            stdout.write(data)
    except OSError as error:
        if sys.stderr is not None:
            print(f"multinet: could not answer: {error.strerror}", file=sys.stderr)
        return False
    return True
