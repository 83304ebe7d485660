from __future__ import annotations

from tests.delegates.example import Example, default_route

EXAMPLE = Example(prepare=default_route, runtime={"ips": ["192.0.2.7/24"], "mac": "02:00:00:00:00:07"})
