from __future__ import annotations

from tests.faults.scenario import Scenario

BY_IPTABLES = {"type": "firewall", "backend": "iptables", "ingressPolicy": "isolated", "dataDir": "DATA"}
BY_NFTABLES = {**BY_IPTABLES, "backend": "nftables"}

SCENARIOS = {
    # Loopback is the least that has addresses: what is to be killed here is what comes after it.
    "firewall by iptables and by nftables": Scenario(
        first={"plugins": [{"type": "loopback"}, BY_IPTABLES, BY_NFTABLES]}
    ),
}
