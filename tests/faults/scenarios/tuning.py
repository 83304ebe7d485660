from __future__ import annotations

from tests.faults.scenario import PLAIN, Scenario

SCENARIOS = {
    "tuning": Scenario(
        first={
            "plugins": [
                PLAIN,
                {
                    "type": "tuning", "mac": "02:11:22:33:44:55", "mtu": 1400, "allmulti": True, "txQLen": 50,
                    "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "dataDir": "DATA/tuning",
                },
            ]
        }
    ),
}  # fmt: skip
