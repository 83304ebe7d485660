from __future__ import annotations

from tests.delegates.example import Example
from tests.support import vfs

EXAMPLE = Example(
    prepare=lambda world: vfs.lend(world.host), keys={"sriov": {"dataDir": "STATE/sriov"}}, needs="qemu"
)
