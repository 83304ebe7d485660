from __future__ import annotations

from tests.delegate.conformance import PROMISES, Subject
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
        # No IPv6: a slow emulated card brings a link what it has sent itself before it was down for its MAC, and the
        # kernel takes its own address for somebody else's.
        "ipam": {"type": "host-local", "dataDir": "FOLDER/ipam", "ranges": [[{"subnet": "10.1.2.0/24"}]]},
    },
    needs="qemu",
    prepare=lambda world: vfs.lend(world.host),
)

BROKEN_BY_THE_REFERENCE = PROMISES
