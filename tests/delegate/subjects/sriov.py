from __future__ import annotations

from tests.delegate.conformance import PROMISES, Subject
from tests.delegate.subjects import HOST_LOCAL
from tests.support import vfs

SUBJECT = Subject(
    type="sriov",
    conf={
        "type": "sriov",
        "deviceID": vfs.FIRST,
        "vlan": 7,
        "mac": "02:00:00:00:00:07",
        "trust": "on",
        "dataDir": "FOLDER/sriov",
        "ipam": HOST_LOCAL,
    },
    needs="qemu",
    prepare=lambda world: vfs.lend(world.host),
)

BROKEN_BY_THE_REFERENCE = PROMISES
