"""Fixtures of what follows the cluster's own network.

folder   the runtime's
clock    the test's own, where a wait is what is asked about
told     the problems that were called out
make     starts one; it is stopped when the test is over
logged   the lines of the log since the last call
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from multinet import log
from multinet.daemon.primary import Primary
from tests.daemon.primary.runtime import Clock, Folder, read

Open = Callable[..., Primary]
Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "net.d").mkdir()
    return Folder(tmp_path / "net.d")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[str]:
    """The problems that were called out."""
    return []


@pytest.fixture
def make(folder: Folder, tmp_path: Path, clock: Clock, told: list[str]) -> Iterator[Open]:
    """One that looks when it is asked to by ``poll()``; ``seconds`` makes it look by itself."""
    with ExitStack() as stack:

        def make(*, seconds: float = 3600.0, agent: dict[str, Any] | None = None, **settings: Any) -> Primary:
            made = Primary(
                read(folder, tmp_path, agent, **settings),
                on_problem=told.append,
                seconds=seconds,
                clock=clock,
            )
            stack.callback(made.stop)
            made.start()
            return made

        yield make


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """Without their time."""

    def take() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        return [{key: value for key, value in line.items() if key != "timestamp"} for line in lines]

    log.set_up("info")
    yield take
    structlog.reset_defaults()
