from __future__ import annotations

from tests.faults.scenario import DUAL, Scenario, host_local

SCENARIOS = {
    "bridge as gateway, dual stack": Scenario(
        first={"type": "bridge", "bridge": "br0", "isDefaultGateway": True, "mtu": 1400, "ipam": DUAL}
    ),
    "bridge, masquerading by nftables and spoof check": Scenario(
        first={
            "type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True, "ipMasqBackend": "nftables",
            "macspoofchk": True, "hairpinMode": True, "ipam": DUAL,
        }
    ),
    "bridge, masquerading by iptables": Scenario(
        first={
            "type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True, "ipMasqBackend": "iptables",
            "ipam": host_local("10.90.0.0/24"),
        }
    ),
    "bridge without addresses": Scenario(first={"type": "bridge", "bridge": "br0", "promiscMode": True}),
}  # fmt: skip
