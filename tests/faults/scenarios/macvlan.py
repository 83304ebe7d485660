from __future__ import annotations

from tests.faults.scenario import Scenario, host_local

SCENARIOS = {
    "macvlan": Scenario(first={"type": "macvlan", "master": "up0", "ipam": host_local("10.90.0.0/24")}),
}
