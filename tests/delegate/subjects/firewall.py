from __future__ import annotations

from tests.delegate.conformance import Subject

SUBJECT = Subject(
    type="firewall",
    conf={
        "type": "firewall",
        "backend": "iptables",
        "ingressPolicy": "isolated",
        "dataDir": "FOLDER/firewall",
    },
    makes_interface=False,
    chained=True,
    versions=("0.4.0", "1.0.0", "1.1.0"),
)
