from __future__ import annotations

from tests.delegates.example import Example

EXAMPLE = Example(keys={"firewall": {"dataDir": "STATE/firewall"}})
