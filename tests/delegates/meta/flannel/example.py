from __future__ import annotations

from tests.delegates.example import Example, World


def flanneld(world: World) -> None:
    (world.state.parent / "subnet.env").write_text(
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"
    )


EXAMPLE = Example(
    prepare=flanneld,
    keys={
        "flannel": {
            "subnetFile": "STATE/../subnet.env",
            "dataDir": "STATE/flannel",
            "ipam": {"type": "host-local"},
        }
    },
)
