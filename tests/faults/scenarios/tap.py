from __future__ import annotations

from tests.faults.scenario import DUAL, Scenario

SCENARIOS = {
    "tap": Scenario(first={"type": "tap", "owner": 107, "group": 107, "mtu": 1400, "ipam": DUAL}),
}
