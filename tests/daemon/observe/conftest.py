"""What the tests of log, metrics and probes have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import structlog

from multinet import log
from multinet.daemon.metrics import Metrics
from multinet.daemon.probes import Checks, Probes

Logged = Callable[[], list[dict[str, Any]]]
Serve = Callable[..., Probes]


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """The log is set up at ``info``; call it for the lines said since the last call, without their time."""

    def take() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        return [{key: value for key, value in line.items() if key != "timestamp"} for line in lines]

    log.set_up("info")
    yield take
    structlog.reset_defaults()


@pytest.fixture
def serve_probes() -> Iterator[Serve]:
    """Start a server of probes, by default at a free port of 127.0.0.1; it is stopped when the test is over."""
    with ExitStack() as stack:

        def serve(address: str = "127.0.0.1:0", **checks: Checks) -> Probes:
            made = Probes(address, Metrics(), **{"live": {}, "ready": {}, "start": {}, **checks})
            made.start()
            stack.callback(made.stop)
            return made

        yield serve
