"""What is exchanged with a program that was started: its input, its output, its end, within a deadline.

``Popen.communicate`` takes in whatever is printed and waits until nobody holds the pipes any more, which may
be a daemon that the program left behind. Here a program has ended when it has ended.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO

CHUNK = 65536
LINGER_SECONDS = 1.0
"""How long what a program started (``exec > >(tee log)``) may go on printing after its end."""
KILL_SECONDS = 5.0
"""How long one that was killed may take to go. What hangs in the kernel is not waited for."""


class TooMuch(Exception):
    """It printed more than was allowed."""


def exchange(
    process: subprocess.Popen[bytes], stdin: bytes, *, seconds: float, most: int
) -> tuple[bytes, bytes]:
    """Both outputs, once it has ended. Raises TimeoutExpired and TooMuch; it is killed then, with its group."""
    try:
        found = _exchange(process, stdin, seconds, most)
        process.wait()
        return found
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KILL_SECONDS)
        raise
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):  # what it did not read is of no use to anybody
                    pipe.close()


def _exchange(
    process: subprocess.Popen[bytes], stdin: bytes, seconds: float, most: int
) -> tuple[bytes, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + seconds
    left = memoryview(stdin)
    printed: dict[object, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    running = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(running, selectors.EVENT_READ)
            waiting.register(process.stdin, selectors.EVENT_WRITE)
            for pipe in (process.stdin, process.stdout, process.stderr):
                os.set_blocking(pipe.fileno(), False)
            for pipe in (process.stdout, process.stderr):
                waiting.register(pipe, selectors.EVENT_READ)
            ended = False
            while not ended or waiting.get_map():
                remaining = deadline - time.monotonic()
                ready = waiting.select(remaining) if remaining > 0 else []
                if not ready and ended:
                    break
                if not ready:
                    raise subprocess.TimeoutExpired(process.args, seconds)
                for key, _ in ready:
                    if key.fileobj == running:
                        ended = True
                        _end_orphans(process.pid, running)
                        deadline = min(deadline, time.monotonic() + LINGER_SECONDS)
                        waiting.unregister(running)
                        if not process.stdin.closed:
                            waiting.unregister(process.stdin)
                    elif key.fileobj is process.stdin:
                        if not ended:
                            left = _feed(waiting, process.stdin, left)
                    else:
                        _take(waiting, key.fileobj, printed[key.fileobj], most)  # type: ignore[arg-type]
    finally:
        os.close(running)
    return bytes(printed[process.stdout]), bytes(printed[process.stderr])


def _end_orphans(pid: int, ended: int) -> None:
    """Where a signal ended it, the plugins that it called must not make things behind the DEL that follows."""
    end = os.waitid(os.P_PIDFD, ended, os.WEXITED | os.WNOWAIT)
    if end is not None and end.si_code != os.CLD_EXITED:
        os.killpg(pid, signal.SIGKILL)  # it is not reaped yet, so the number is still its group's


def _feed(waiting: selectors.BaseSelector, pipe: IO[bytes], left: memoryview) -> memoryview:
    """Write some of what is left; close the pipe when that was all, or nobody reads it."""
    try:
        left = left[os.write(pipe.fileno(), left[:CHUNK]) :]
    except BrokenPipeError:
        left = left[:0]
    if not left:
        waiting.unregister(pipe)
        pipe.close()
    return left


def _take(waiting: selectors.BaseSelector, pipe: IO[bytes], printed: bytearray, most: int) -> None:
    """Read some of what was printed, until that is all."""
    data = os.read(pipe.fileno(), CHUNK)
    printed += data
    if not data:
        waiting.unregister(pipe)
    if len(printed) > most:
        raise TooMuch
