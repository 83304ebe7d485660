"""A disk, and a log that is not silenced."""

from __future__ import annotations

from pathlib import Path

import pytest

from multinet import log
from tests.state.disk import Disk


@pytest.fixture(autouse=True)
def warnings_are_said() -> None:
    """Other tests ask for errors only."""
    log.set_up("warning")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)
