"""The thread that looks at the settings' file and clears up: nothing ends it but ``stop``."""

from __future__ import annotations

from pathlib import Path

import pytest

from multinet.config import Settings
from multinet.daemon import keeper
from multinet.daemon.keeper import Keeper
from multinet.verbs.node import Node
from tests.support.wait import until


def test_a_defect_in_one_look_does_not_end_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(keeper, "RETRY_SECONDS", 0.01)
    file = tmp_path / "config.yaml"
    file.write_text("")
    taken: list[bool] = []
    rounds: list[int] = []

    def reload(new: Settings) -> None:
        taken.append(new.namespace_isolation)
        raise ZeroDivisionError

    def alone() -> Node:
        rounds.append(1)
        raise ZeroDivisionError

    one = Keeper(alone, file=file, reload=reload, reported=lambda report: None)
    one.start()
    file.write_text("namespaceIsolation: true")
    until(lambda: taken)
    file.write_text("namespaceIsolation: false")
    until(lambda: len(taken) == 2 and len(rounds) > 2)
    one.stop()
    assert taken == [True, False]
