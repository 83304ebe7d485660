from __future__ import annotations

from tests.faults.scenario import DUAL, Scenario

SCENARIOS = {
    "host-device": Scenario(first={"type": "host-device", "device": "up1", "ipam": DUAL}),
}
