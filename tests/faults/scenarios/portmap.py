from __future__ import annotations

from typing import Any

from tests.faults.scenario import FIXED, Scenario


def portmap(backend: str, **more: Any) -> dict[str, Any]:
    return {"type": "portmap", "backend": backend, "capabilities": {"portMappings": True}, **more}


SCENARIOS = {
    "portmap": Scenario(
        first={
            "plugins": [
                {"type": "macvlan", "master": "up0", "ipam": FIXED},
                portmap("iptables"),
                portmap("nftables", conditionsV4=["iifname != eth7"]),
            ]
        },
        runtime={"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]},
    ),
}
