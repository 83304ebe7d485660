from __future__ import annotations

from tests.faults.scenario import FIXED, Scenario

BY_IPTABLES = {
    "type": "firewall",
    "backend": "iptables",
    "ingressPolicy": "isolated",
    "dataDir": "DATA/firewall",
}
BY_NFTABLES = {**BY_IPTABLES, "backend": "nftables"}

SCENARIOS = {
    "firewall by iptables and by nftables": Scenario(
        first={"plugins": [{"type": "macvlan", "master": "up0", "ipam": FIXED}, BY_IPTABLES, BY_NFTABLES]}
    ),
}
