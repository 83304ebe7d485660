"""A copy of what the API server lists, kept by watching ("Efficient detection of changes", Kubernetes API concepts).

    list, page by page ──> in sync ──> watch from the list's version ──────────────> ...
      ^ the server has forgotten what came since (410)   │ cut, silent, or its time over:
      └──────────────────────────────────────────────────┴── watch again from the last version heard

What is kept stays while the server is away: ``age`` tells since when. A list takes the place of what was kept
only when it is whole.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from multinet import log
from multinet.kube.backoff import Backoff
from multinet.kube.client import JSON, Api, Stream
from multinet.kube.errors import ApiGone, ApiUnavailable, of_status
from multinet.kube.stream import TooLong

PAGE: Final = 250
"""Objects a page, of which one is in memory at a time: half a megabyte of definitions, as people write them."""

LONGEST_PAGE: Final = 2 << 20
"""Bytes of a page's JSON, which takes four times as much while it is read. An object may have 1.5 MiB: a page that
turns out longer is asked for again with fewer objects, down to one."""

FEWER: Final = 8
"""So many times fewer."""

LIST_SECONDS: Final = 30.0
"""For the server to begin or to go on with a page: it may have hundreds of nodes to answer just then."""

WATCH_SECONDS: Final = (300, 600)
"""One watch lasts so long, a random time between, so that a cluster's nodes don't come back all at once."""

READ_SECONDS: Final = 90.0
"""Silence after which a connection is taken for dead. The server sends a bookmark about once a minute."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries of one that nobody waits for; every node of the cluster has them at once."""

STEADY_SECONDS: Final = 10.0
"""A watch that lasted so long, or brought anything, was a good one: the next failure is a first one again."""

FAILURES_TO_LIST: Final = 5
"""So many in a row, and the list is read anew: the version we would go on from may be what is refused (a
server restored from a backup is behind it).
"""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """The forms that are asked for: a list has another than its objects."""

    list: str = JSON
    watch: str = JSON


class Reflector(Generic[K, V]):
    """One list with its own thread. Reading it takes no lock and asks nobody.

    ``keep`` makes of an object what is kept of it, and under which key; the rest is let go at once.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        name: str,
        keep: Callable[[Mapping[str, Any]], tuple[K, V] | None],
        query: Mapping[str, str] | None = None,
        accept: Accept | None = None,
        read_seconds: float = READ_SECONDS,
        rest_seconds: float = 0,
    ) -> None:
        """``rest_seconds``: how long what comes after an event may lie; what comes meanwhile is read in one go."""
        self.name = name
        self.problem = ""
        """Why the server isn't heard; "" while it is."""
        self._api = api
        self._path = path
        self._keep = keep
        self._query = dict(query or {})
        self._accept = accept or Accept()
        self._read_seconds = read_seconds
        self._rest_seconds = rest_seconds
        self._items: dict[K, V] = {}
        self._page_objects = PAGE
        self._version = ""
        self._heard_at = 0.0
        self._good = False
        self._failures = 0
        self._synced = threading.Event()
        self._stopping = threading.Event()
        self._hold = threading.Lock()
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Within a second, also while it waits for the server. What is kept can be read on."""
        self._stopping.set()
        with self._hold:
            if self._stream is not None:
                self._stream.cut()
        self._thread.join(1.0)

    @property
    def in_sync(self) -> bool:
        """Was the whole list read once?"""
        return self._synced.is_set()

    def wait_in_sync(self, seconds: float) -> bool:
        return self._synced.wait(seconds)

    def age(self) -> float:
        """Seconds since the server was last heard; infinite when it never was."""
        return time.monotonic() - self._heard_at if self._heard_at else float("inf")

    def get(self, key: K) -> V | None:
        return self._items.get(key)

    def items(self) -> Mapping[K, V]:
        """What is kept now; a copy."""
        return self._items.copy()

    def __len__(self) -> int:
        return len(self._items)

    def _run(self) -> None:
        backoff = Backoff(most=LONGEST_PAUSE)
        while not self._stopping.is_set():
            self._good = False
            why = self._once()
            if self._good:
                self._failures = 0
                backoff.reset()
            if not why or self._stopping.is_set():
                continue
            self._failures += 1
            if self._failures > 1:
                self._lost(why)
            if self._failures >= FAILURES_TO_LIST:
                self._version = ""
            self._stopping.wait(backoff.next())

    def _once(self) -> str:
        """List where that is needed, and watch. Returns why the watch broke; "" when its time was over."""
        try:
            if not self._version:
                self._list()
            self._watch()
        except ApiUnavailable as error:
            return str(error)
        except ApiGone as error:
            self._version, self._failures = "", 0  # the server is well
            return str(error)
        except Exception as error:
            # Whatever it is: a thread that ended here would leave a copy that is never brought up to date.
            self._version = ""
            return str(error) or repr(error)
        return "" if self._good else "the server ended the watch at once"

    def _list(self) -> None:
        fresh: dict[K, V] = {}
        more, version = self._page("", fresh)
        while more:
            more, version = self._page(more, fresh)
        self._items = fresh
        self._version = version
        self._synced.set()

    def _page(self, more: str, into: dict[K, V]) -> tuple[str, str]:
        """Read one page. Returns where the next begins ("": nowhere), and the list's version."""
        page = self._short_page(more)
        for one in page.get("items") or ():
            kept = self._kept(one)
            if kept is not None:
                key, value = kept
                known = self._items.get(key)
                into[key] = value if known is None or known != value else known
        metadata = page["metadata"]
        return metadata.get("continue", ""), metadata["resourceVersion"]

    def _short_page(self, more: str) -> dict[str, Any]:
        """As many objects as fit; fewer from now on if they don't, and more again where they are small."""
        while True:
            count = self._page_objects
            query = {**self._query, "limit": str(count), **({"continue": more} if more else {})}
            longest = LONGEST_PAGE if count > 1 else None
            try:
                with self._streaming(query, self._accept.list, LIST_SECONDS, longest) as stream:
                    [page] = stream  # one line, as each event of a watch is
            except TooLong:
                if count == 1:
                    raise
                self._page_objects = max(1, count // FEWER)
                continue
            if stream.size < LONGEST_PAGE // 4:
                self._page_objects = min(PAGE, 2 * count)
            return page

    def _watch(self) -> None:
        """Until the server ends it. Raises what the client does, and ApiGone when the version is too old."""
        query = {
            **self._query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),
        }
        with self._streaming(query, self._accept.watch, self._read_seconds) as stream:
            began = self._regained()
            try:
                for event in stream:
                    self._apply(event)
                    if self._rest_seconds and stream.nothing_came():
                        self._stopping.wait(self._rest_seconds)
            finally:
                steady = min(STEADY_SECONDS, self._read_seconds)
                self._good = self._good or time.monotonic() - began >= steady

    @contextmanager
    def _streaming(
        self, query: Mapping[str, str], accept: str, read_seconds: float, longest: int | None = None
    ) -> Iterator[Stream]:
        """Ask; ``stop`` cuts the answer."""
        with self._api.stream(
            self._path, query=query, accept=accept, read_seconds=read_seconds, longest=longest
        ) as stream:
            self._heard_at = time.monotonic()
            with self._hold:
                self._stream = stream
                if self._stopping.is_set():
                    stream.cut()
            try:
                yield stream
            finally:
                with self._hold:
                    self._stream = None

    def _apply(self, event: Mapping[str, Any]) -> None:
        self._heard_at = time.monotonic()
        kind, one = event["type"], event["object"]
        if kind == "ERROR":
            raise of_status(one, f"go on with the watch of {self.name}")
        if kind != "BOOKMARK":
            kept = self._kept(one)
            if kept is not None and kind == "DELETED":
                self._items.pop(kept[0], None)
            elif kept is not None:
                self._items[kept[0]] = kept[1]
        self._version = one["metadata"]["resourceVersion"]
        self._good = True  # not before: what can't be read must not be asked for again and again at once

    def _kept(self, one: Mapping[str, Any]) -> tuple[K, V] | None:
        """None also for an object that makes no sense: it must not keep all others from being known."""
        try:
            return self._keep(one)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            log.warn("an object of the API server's makes no sense", watch=self.name, error=repr(error))
            return None

    def _regained(self) -> float:
        if self.problem:
            log.warn("the API server is heard again", watch=self.name)
            self.problem, self._failures = "", 0
        return time.monotonic()

    def _lost(self, why: str) -> None:
        if not self.problem:
            log.warn("the API server is not heard", watch=self.name, why=why)
        self.problem = why
