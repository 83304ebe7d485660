from __future__ import annotations

from tests.delegates.example import Example

EXAMPLE = Example(runtime={"mac": "02:00:00:00:00:07"}, keys={"tuning": {"dataDir": "STATE/tuning"}})
