from __future__ import annotations

from tests.faults.scenario import DUAL, Scenario

SCENARIOS = {
    "ptp": Scenario(first={"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables", "ipam": DUAL}),
}
