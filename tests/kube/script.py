"""An API server by a script, for what a real one does once in a year."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from multinet.kube.client import Api
from multinet.kube.errors import ApiError


class Listener:
    """Stands for Stream."""

    size = 0

    def __init__(self, *lines: dict[str, Any]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._lines)

    def cut(self) -> None:
        """Nobody ever waits for the next line."""


class Script:
    """A list of the given pages (JSON), and watches that end at once: each brings ``events`` or ``failure``."""

    def __init__(
        self, *pages: str, events: tuple[dict[str, Any], ...] = (), failure: ApiError | None = None
    ) -> None:
        self.asked: list[str] = []
        self.api = cast(Api, self)
        self._pages = pages
        self._events = events
        self._failure = failure

    @contextmanager
    def stream(self, path: str, *, query: Mapping[str, str], **_: object) -> Iterator[Listener]:
        self.asked.append("watch" if "watch" in query else "list")
        if "watch" not in query:
            yield Listener(self._page(int(query.get("continue", "0"))))
        elif self._failure is not None:
            raise self._failure
        else:
            yield Listener(*self._events)

    def _page(self, number: int) -> dict[str, Any]:
        metadata = {"resourceVersion": "7"}
        if number + 1 < len(self._pages):
            metadata["continue"] = str(number + 1)
        return {"metadata": metadata, "items": json.loads(self._pages[number])}
