from __future__ import annotations

from tests.delegate.conformance import Subject

SUBJECT = Subject(
    type="portmap",
    conf={
        "type": "portmap",
        "backend": "nftables",
        "runtimeConfig": {
            "portMappings": [
                {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
                {"hostPort": 5300, "containerPort": 53, "protocol": "udp"},
            ]
        },
    },
    makes_interface=False,
    chained=True,
)
