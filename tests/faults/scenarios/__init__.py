"""The table: every scenario of every file of this folder. A type that is new has a file ``<type>.py`` here."""

from __future__ import annotations

from tests.faults.scenario import Scenario
from tests.support import gather

SCENARIOS: dict[str, Scenario] = {
    name: scenario for module in gather.modules(__name__) for name, scenario in module.SCENARIOS.items()
}
