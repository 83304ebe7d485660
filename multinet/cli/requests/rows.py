"""What happened, from two sides: what the agent of a node remembers of its requests, and the events that agents wrote
to the API. An event that tells of a request which is remembered stands beside it; any other has a row of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from multinet.cli.clusters import when
from multinet.daemon.history import Happened

WARNING: Final = "Warning"
NOTES: Final = {
    "again": "an earlier ADD still stood",
    "nothing": "there was nothing on record",
    "foreign": "set up by somebody else",
    "spared": "a network was spared",
    "status_told": "the API server did not take the network-status in time",
}
"""Notes of a line in the log, for people."""
_ENDS_WITH_ID: Final = re.compile(r"\A(.*) \[([0-9a-f]{8})\]\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One of the cluster's."""

    at: float
    node: str
    pod: str
    """Or ``node/NAME``."""
    request: str
    reason: str
    message: str
    count: int
    failed: bool

    @property
    def told(self) -> str:
        return self.reason if self.count == 1 else f"{self.reason} x{self.count}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    node: str
    happened: Happened | None = None
    event: Event | None = None

    @property
    def at(self) -> float:
        return self.happened.at if self.happened else self._event.at

    @property
    def request(self) -> str:
        return self.happened.request if self.happened else self._event.request

    @property
    def pod(self) -> str:
        return self.happened.pod if self.happened else self._event.pod

    @property
    def failed(self) -> bool:
        return self.happened.failed if self.happened else self._event.failed

    @property
    def says(self) -> str:
        """What was wrong, or what was done."""
        one = self.happened
        if one is None or (self.event is not None and not one.failed):
            return self._event.message
        if one.failed:
            return one.error
        notes = [words for key, words in NOTES.items() if one.notes.get(key)]
        return "; ".join(filter(None, [", ".join(one.networks), *notes]))

    @property
    def _event(self) -> Event:
        assert self.event is not None
        return self.event


def merged(node: str, recent: Iterable[Happened], events: Sequence[Event]) -> list[Row]:
    """The oldest first."""
    of_request = {event.request: event for event in events if event.request}
    rows = [Row(node=node, happened=one, event=of_request.pop(one.request, None)) for one in recent]
    beside = {id(row.event) for row in rows}
    rows += [Row(node=event.node, event=event) for event in events if id(event) not in beside]
    return sorted(rows, key=lambda row: row.at)


def event(raw: Mapping[str, Any]) -> Event:
    """An Event of the API's."""
    about = raw.get("involvedObject") or {}
    message = str(raw.get("message") or "")
    found = _ENDS_WITH_ID.match(message)
    namespace = str(about.get("namespace", ""))
    subject = f"{namespace}/{about.get('name')}" if namespace else f"node/{about.get('name')}"
    try:
        at = datetime.fromisoformat(when(raw)).timestamp()
    except ValueError:
        at = 0.0
    return Event(
        at=at,
        node=str(raw.get("reportingInstance") or ""),
        pod=subject,
        request=found[2] if found else "",
        reason=str(raw.get("reason") or ""),
        message=found[1] if found else message,
        count=int(raw.get("count") or 1),
        failed=raw.get("type") == WARNING,
    )


def clock(at: float) -> str:
    """As the log has it, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_json(row: Row) -> dict[str, Any]:
    one, event = row.happened, row.event
    return {
        "at": clock(row.at),
        "node": row.node,
        "request": row.request,
        "verb": one.verb if one else "",
        "pod": row.pod,
        "containerID": one.container if one else "",
        "seconds": one.seconds if one else None,
        "failed": row.failed,
        "code": one.code if one else None,
        "networks": list(one.networks) if one else [],
        "says": row.says,
        "event": event.reason if event else "",
        "count": event.count if event else 0,
    }
