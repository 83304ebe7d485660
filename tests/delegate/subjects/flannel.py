from __future__ import annotations

from tests.delegate.conformance import PROMISES, Subject, World

DUAL = """\
FLANNEL_NETWORK=10.1.0.0/16
FLANNEL_SUBNET=10.1.2.1/24
FLANNEL_IPV6_NETWORK=fd01::/48
FLANNEL_IPV6_SUBNET=fd01:2::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
"""


def flanneld(world: World) -> None:
    (world.folder / "subnet.env").write_text(DUAL)


SUBJECT = Subject(
    type="flannel",
    conf={
        "type": "flannel",
        "delegate": {"isDefaultGateway": True},
        "ipam": {"dataDir": "FOLDER/ipam"},
        "subnetFile": "FOLDER/subnet.env",
        "dataDir": "FOLDER/flannel",
    },
    prepare=flanneld,
)

BROKEN_BY_THE_REFERENCE = PROMISES  # the program of it that there is knows no version from 1.0.0 on
