"""What the agent did lately: the last requests, each with what its line in the log says and when its parts ran.

The wide line of a verb (``multinet.log``) is handed on as it is said, and kept as it came; values are made of
it when somebody asks. So a request pays for one ``append`` and for cutting what is long. Nothing is kept that
the log has not: no configuration, no environment.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from multinet.timing import Trace

MOST_TEXT: Final = 2000
"""Characters of one text. What a failure is about stands at its beginning."""
MOST_NAMES: Final = 32
"""Networks of one request, and notes of what was left."""
MOST_NAME: Final = 320
"""Characters of a name: 253 and 63 of a definition's with its namespace."""
MOST_PARTS: Final = 64
"""Phases of one request, and calls of delegates. With all of these an entry takes 30 KB at the very most; one of
three networks takes 3."""

TOLD: Final = frozenset(
    {"verb", "request", "pod", "container", "ifname", "seconds", "waited", "code", "error", "details", "left"}
    | {"networks", "phases", "trace"}
)
"""Keys of the line that are fields here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A part of a verb. Times in milliseconds; ``began`` after the verb did."""

    name: str
    began: float
    ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One verb of one delegate; that of an IPAM lies within its plugin's."""

    network: str
    ifname: str
    type: str
    verb: str
    began: float
    ms: float
    failed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """A request that was answered."""

    at: float
    """When its verb began, on the clock of ``time.time``."""
    request: str
    verb: str
    pod: str
    """``namespace/name``, "" where none was named."""
    container: str
    ifname: str
    waited: float
    """Seconds in the queue, which are not in ``seconds``."""
    seconds: float
    code: int
    """0 for success, else the CNI code that it is counted under."""
    error: str
    """The whole sentence, as the answer, the event and the log have it; "" for success."""
    details: str
    """What a plugin said besides."""
    left: tuple[str, ...]
    """What could not be undone."""
    networks: tuple[str, ...]
    phases: tuple[Phase, ...]
    """In the order in which they began."""
    calls: tuple[Call, ...]
    """In the order in which they began."""
    notes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """What else the line says, by its keys there: ``again``, ``nothing``, ``caller`` and so on."""

    @property
    def failed(self) -> bool:
        return self.code != 0

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "request": self.request,
            "verb": self.verb,
            "pod": self.pod,
            "container": self.container,
            "ifname": self.ifname,
            "waited": self.waited,
            "seconds": self.seconds,
            "code": self.code,
            "error": self.error,
            "details": self.details,
            "left": list(self.left),
            "networks": list(self.networks),
            "phases": [{"name": one.name, "began": one.began, "ms": one.ms} for one in self.phases],
            "calls": [
                {
                    "network": one.network,
                    "ifname": one.ifname,
                    "type": one.type,
                    "verb": one.verb,
                    "began": one.began,
                    "ms": one.ms,
                    "failed": one.failed,
                }
                for one in self.calls
            ],
            "notes": dict(self.notes),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Happened:
        """What ``to_json`` made. Raises KeyError, TypeError."""
        made = {key: told[key] for key in cls.__slots__ if key in told}
        made |= {"left": tuple(told["left"]), "networks": tuple(told["networks"])}
        phases = tuple(Phase(**one) for one in told["phases"])
        return cls(**{**made, "phases": phases, "calls": tuple(Call(**one) for one in told["calls"])})


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    line: Mapping[str, Any]
    began: float
    phases: Sequence[tuple[str, float, float]]
    calls: Sequence[tuple[str, str, str, str, float, float, bool]]


class History:
    """The last ``most`` requests; 0 keeps none. Any thread may call anything."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: deque[_Kept] = deque(maxlen=most)
        self._lock = Lock()

    def note(self, line: dict[str, Any], trace: Trace) -> None:
        """A verb has ended: the listener of ``multinet.log``."""
        if not self.most:
            return
        kept = _Kept(
            time.time() - line.get("seconds", 0.0),
            _bounded(line),
            trace.began,
            trace.phases[:MOST_PARTS],
            trace.calls[:MOST_PARTS],
        )
        with self._lock:
            self._kept.append(kept)

    def recent(self, most: int | None = None) -> list[Happened]:
        """The newest first; all that are kept unless ``most`` says how many."""
        with self._lock:
            kept = list(self._kept)
        return [_happened(one) for one in kept[::-1][:most]]

    def find(self, request_id: str) -> Happened | None:
        with self._lock:
            kept = list(self._kept)
        return next((_happened(one) for one in reversed(kept) if one.line.get("request") == request_id), None)


def _bounded(line: dict[str, Any]) -> dict[str, Any]:
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = value[:MOST_TEXT]
        elif isinstance(value, list | tuple):
            line[key] = [str(one)[:MOST_NAME] for one in value[:MOST_NAMES]]
    line.pop("trace", None)  # of a defect: the log has it
    return line


def _happened(kept: _Kept) -> Happened:
    line = kept.line
    phases = [
        Phase(name=name, began=_ms(began - kept.began), ms=_ms(seconds))
        for name, began, seconds in kept.phases
    ]
    calls = [
        Call(
            network=network[:MOST_NAME],
            ifname=ifname,
            type=type_[:MOST_NAME],
            verb=verb,
            began=_ms(began - kept.began),
            ms=_ms(seconds),
            failed=failed,
        )
        for network, ifname, type_, verb, began, seconds, failed in kept.calls
    ]
    return Happened(
        at=round(kept.at, 3),
        request=line.get("request", ""),
        verb=line.get("verb", ""),
        pod=line.get("pod", ""),
        container=line.get("container", ""),
        ifname=line.get("ifname", ""),
        waited=line.get("waited", 0.0),
        seconds=line.get("seconds", 0.0),
        code=line.get("code", 0),
        error=line.get("error", ""),
        details=line.get("details", ""),
        left=tuple(line.get("left", ())),
        networks=tuple(line.get("networks", ())),
        phases=tuple(sorted(phases, key=lambda one: one.began)),
        calls=tuple(sorted(calls, key=lambda one: one.began)),
        notes={key: value for key, value in line.items() if key not in TOLD},
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
