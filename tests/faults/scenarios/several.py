"""Networks that have to do with each other."""

from __future__ import annotations

from tests.faults.scenario import PLAIN, Scenario, host_local

SCENARIOS = {
    "three networks, the default route moved, an address and a MAC asked for": Scenario(
        first={**PLAIN, "isDefaultGateway": True},
        further={
            "net-a": {
                "type": "bridge", "bridge": "br1", "capabilities": {"ips": True, "mac": True},
                "ipam": {"type": "static"},
            },
            "net-b": {"type": "macvlan", "master": "up0", "ipam": host_local("10.92.0.0/24")},
        },
        selections=[
            {"name": "net-a", "ips": ["10.93.0.7/24"], "mac": "02:00:00:00:00:07"},
            {"name": "net-b", "default-route": ["10.92.0.1"]},
        ],
    ),
}  # fmt: skip
