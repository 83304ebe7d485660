from __future__ import annotations

from tests.delegate.conformance import Subject

SUBJECT = Subject(
    type="tuning",
    conf={
        "type": "tuning",
        "mac": "02:11:22:33:44:55",
        "mtu": 1400,
        "promisc": True,
        "allmulti": True,
        "txQLen": 500,
        "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"},
        "dataDir": "FOLDER/tuning",
    },
    makes_interface=False,
    chained=True,
)
