from __future__ import annotations

from tests.faults.scenario import Scenario, World

SUBNET = """\
FLANNEL_NETWORK=10.1.0.0/16
FLANNEL_SUBNET=10.1.2.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
"""
FLANNEL = {
    "type": "flannel",
    "delegate": {"bridge": "cni0"},
    "ipam": {"dataDir": "DATA"},
    "subnetFile": "DATA/subnet.env",
    "dataDir": "DATA/flannel",
}


def flanneld(world: World) -> None:
    world.data.mkdir()
    (world.data / "subnet.env").write_text(SUBNET)


SCENARIOS = {
    "flannel": Scenario(first=FLANNEL, prepare=flanneld),
}
