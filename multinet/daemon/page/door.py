"""Where the status page is served: to a browser on this node, or at the other end of ``ssh -L`` or ``port-forward``.

Nothing is looked at while nobody asks, and whoever asks often gets what was seen a moment ago.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock
from typing import Final
from urllib.parse import parse_qs

from multinet.daemon import endpoint
from multinet.daemon.page.document import document, headers
from multinet.daemon.page.facts import Asked
from multinet.daemon.page.gather import gather
from multinet.daemon.page.sources import Sources
from multinet.daemon.probes import PLAIN, Door, Page

HTML: Final = "text/html; charset=utf-8"
KEPT_SECONDS: Final = 3.0
"""A look costs the agent's processor some 50 ms with a full node's pods: not more often than this."""
KEPT: Final = 8
"""Different looks."""
LONGEST_WORDS: Final = 100
"""Characters of a filter: an IPv6 address has 39, a pod's name 253, and nobody types that."""
LAST_PAGE_DIGITS: Final = 6


class StatusDoor(Door):
    serves = "the status page"
    setting = "statusPage"

    def __init__(self, address: str, sources: Sources) -> None:
        super().__init__(address)
        self._sources = sources
        self._kept: dict[Asked, tuple[float, bytes]] = {}
        self._looking = Lock()

    def headers(self) -> Mapping[str, str]:
        return headers()

    def welcomes(self, host: str) -> bool:
        """Any page of the web can have a name of its own lead here, and then read what this answers (DNS rebinding);
        but its name is what the browser says.
        """
        return isinstance(self._place, str) or endpoint.names_loopback(host)

    def answer(self, path: str, query: str) -> Page:
        if path != "/":
            return HTTPStatus.NOT_FOUND, PLAIN, b"there is /\n"
        return HTTPStatus.OK, HTML, self._look(read(query))

    def _look(self, asked: Asked) -> bytes:
        with self._looking:
            now = time.monotonic()
            self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] < KEPT_SECONDS}
            if (known := self._kept.get(asked)) is not None:
                return known[1]
            page = document(gather(self._sources, asked))
            if len(self._kept) < KEPT:
                self._kept[asked] = (time.monotonic(), page)
            return page


def read(query: str) -> Asked:
    """What can't be understood is not asked for."""
    said = {key: values[0] for key, values in parse_qs(query).items()}
    page = said.get("page", "")[:LAST_PAGE_DIGITS]
    return Asked(
        words=said.get("q", "").strip()[:LONGEST_WORDS],
        page=max(int(page), 1) if page.isascii() and page.isdecimal() else 1,
        live=said.get("live") == "1",
    )
