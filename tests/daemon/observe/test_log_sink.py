"""Where the log's lines go: each by itself, so that one that was lost costs no other."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from multinet import log


@pytest.fixture
def stderr() -> Iterator[Callable[[int], object]]:
    """Put another file in the place of this process's stderr."""
    kept = os.dup(2)
    log.set_up("info")
    yield lambda fd: os.dup2(fd, 2)
    os.dup2(kept, 2)
    os.close(kept)
    structlog.reset_defaults()


def test_after_a_reader_that_went_another_is_heard(stderr: Callable[[int], object], tmp_path: Path):
    reading, writing = os.pipe()
    os.close(reading)
    stderr(writing)
    log.warn("nobody hears this")
    with open(tmp_path / "log", "wb") as file:
        stderr(file.fileno())
        log.warn("somebody hears this")
    os.close(writing)

    assert [line.split(b'"event": "')[1][:8] for line in (tmp_path / "log").read_bytes().splitlines()] == [
        b"somebody"
    ]


def test_a_line_that_was_cut_by_a_full_disk_spoils_no_other(stderr: Callable[[int], object], tmp_path: Path):
    """A limit on the file's size stands for the disk: the last write is taken in part, and none after it."""
    file = tmp_path / "log"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(file, "wb") as out:
        stderr(out.fileno())
        log.warn("first")
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20, hard))
            log.warn("cut")
            log.warn("lost")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        log.warn("last")
        log.warn("of all")

    lines = file.read_text().splitlines()
    assert [len(line) == 20 or line.partition('"event": "')[2].partition('"')[0] for line in lines] == [
        "first",
        True,
        "last",
        "of all",
    ]
