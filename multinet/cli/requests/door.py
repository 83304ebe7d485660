"""What the agent of this node remembers, asked at its socket."""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from multinet.config import Settings
from multinet.daemon import history_door, probe
from multinet.daemon.history import Happened
from multinet.errors import IOFailure, NotAvailable

MOST_BYTES: Final = 64 << 20
"""More than the largest history takes."""


class Door:
    """Everything raises NotAvailable where no agent answers, and IOFailure for an answer that is none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.path: Path = history_door.place(settings.agent.socket)

    def recent(self) -> list[Happened]:
        """The newest first."""
        found = self._ask(history_door.PAGE)
        return [self._read(one) for one in found]

    def find(self, request: str) -> Happened | None:
        found = self._ask(f"{history_door.PAGE}/{request}")
        return None if found is None else self._read(found)

    def recordings(self) -> list[str]:
        """Of which requests there are some, the newest first."""
        found: list[str] = self._ask(history_door.RECORDINGS)
        return found

    def recording(self, request: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._ask(f"{history_door.RECORDINGS}/{request}")
        return found

    def next(self, pod: str, after: int | None) -> tuple[int, str]:
        """As ``Recordings.next``."""
        query = {"pod": pod, **({} if after is None else {"after": str(after)})}
        told = self._ask(f"{history_door.NEXT}?{urlencode(query)}")
        return told["after"], told["request"]

    def _ask(self, page: str, *, seconds: float = probe.SECONDS) -> Any:
        """None where there is no such page."""
        if not self._settings.agent.history:
            raise NotAvailable(
                "the agent of this node remembers nothing: its setting agent.history is 0",
                hint="the log has a line for each request",
            )
        try:
            status, body = probe.ask((socket.AF_UNIX, str(self.path)), page, seconds=seconds, most=MOST_BYTES)
        except OSError as error:
            why = "nobody listens there" if isinstance(error, ConnectionRefusedError) else error.strerror
            raise NotAvailable(
                f"no agent tells what it did at {self.path}: {why or error}",
                hint="it takes root on the node, or a shell in the agent's pod; `multinet doctor` looks after it",
            ) from error
        if status == HTTPStatus.NOT_FOUND:
            return None
        try:
            return json.loads(body)
        except ValueError as error:
            raise IOFailure(f"the agent's answer at {self.path} is no JSON: {error}") from error

    def _read(self, told: Any) -> Happened:
        try:
            return Happened.from_json(told)
        except (KeyError, TypeError, AttributeError) as error:
            raise IOFailure(
                f"the agent's answer at {self.path} can't be read: {error!r}",
                hint="use the multinet of the agent's own release",
            ) from error
