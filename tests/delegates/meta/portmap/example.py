from __future__ import annotations

from tests.delegates.example import Example

EXAMPLE = Example(
    runtime={
        "portMappings": [
            {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
            {"hostPort": 5300, "containerPort": 53, "protocol": "udp"},
        ]
    }
)
