"""The shim as it is delivered, and built with sanitizers, each with an agent beside it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.shim import building
from tests.shim.agent import Agent
from tests.shim.program import Shim


@pytest.fixture(params=["delivered", "sanitized"])
def shim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shim]:
    delivered = request.param == "delivered"
    program = building.static(platform.machine()) if delivered else building.sanitized()
    with ExitStack() as stack:
        yield Shim(program, tmp_path, stack)


@pytest.fixture
def agent(shim: Shim) -> Iterator[Agent]:
    with Agent(shim.socket) as listening:
        yield listening
