from __future__ import annotations

from tests.faults.scenario import Scenario

SCENARIOS = {
    "loopback": Scenario(first={"type": "loopback"}),
}
