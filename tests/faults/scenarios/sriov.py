from __future__ import annotations

from tests.faults.scenario import Scenario
from tests.support import vfs

# A VF with a link comes back from a namespace that is gone to the machine's own, which a scenario's host is not:
# tests/delegates/main/sriov kills those. Each step costs the emulated machine seconds, so there are no addresses.
SCENARIOS = {
    "sriov": Scenario(
        first={
            "type": "sriov",
            "deviceID": vfs.FIRST,
            "vlan": 7,
            "mac": "02:00:00:00:00:07",
            "trust": "on",
            "dataDir": "DATA",
        },
        prepare=lambda world: vfs.lend_for_programs(world.host),
        needs="qemu",
    )
}
