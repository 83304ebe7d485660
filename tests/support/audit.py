"""What an API server was asked, as its own audit log tells: requests are counted at the server."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request that the server got. ``code`` is 0 as long as it is being answered."""

    user: str
    """Empty where the server did not know the caller."""
    verb: str
    resource: str
    """With the subresource: ``pods/status``."""
    namespace: str
    name: str
    uri: str
    code: int


class Audit:
    """The log is written before a request is handled, so one that was answered is in it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._found: dict[str, Asked] = {}

    def requests(self) -> list[Asked]:
        """All so far, in the order of arrival."""
        if self._file.exists():
            with self._file.open("rb") as log:
                log.seek(self._offset)
                for line in log:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self._offset += len(line)
                    self._note(json.loads(line))
        return list(self._found.values())

    def _note(self, event: dict[str, Any]) -> None:
        known = self._found.get(event["auditID"])
        code = event.get("responseStatus", {}).get("code", 0)
        if known is not None:
            self._found[event["auditID"]] = replace(known, code=code)
            return
        about = event.get("objectRef", {})
        self._found[event["auditID"]] = Asked(
            user=event.get("user", {}).get("username", ""),
            verb=event["verb"],
            resource="/".join(filter(None, [about.get("resource", ""), about.get("subresource", "")])),
            namespace=about.get("namespace", ""),
            name=about.get("name", ""),
            uri=event["requestURI"],
            code=code,
        )
