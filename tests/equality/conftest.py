"""What the equality tests share: the forking process, and the two that are compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.equality.machines import Machines
from tests.equality.runner import Reference


@pytest.fixture(scope="session")
def machines(own_world: None) -> Iterator[Machines]:
    with Machines() as made:
        yield made


@pytest.fixture(scope="session")
def reference(peers: Path) -> Reference:
    return Reference(folder=peers)
