"""What the page is made of: the agent, and how it does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from multinet.daemon import metrics as known
from multinet.daemon.history import History
from multinet.daemon.metrics import Metrics
from multinet.daemon.page.facts import Line, Mood
from multinet.daemon.page.text import age
from multinet.daemon.primary import Primary

OLD_SECONDS: Final = 120.0
"""A cache that has heard nothing for so long is worth a look: the API server says something once a minute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The agent, as far as the page sees it. The functions may be called at any time, on any thread."""

    node: str
    state_dir: Path
    checks: Mapping[str, Callable[[], str]]
    """What serving a pod takes: why it fails, "" when all is well."""
    began: float
    """On the clock of ``time.monotonic``."""
    primary: Primary
    definitions: Callable[[], Iterable[str]]
    """The names of all that the cluster has."""
    metrics: Metrics
    history: History


def state_of(sources: Sources) -> Iterator[Line]:
    values = sources.metrics.values()
    primary = sources.primary
    yield Line(name="Running for", says=age(time.monotonic() - sources.began))
    says = primary.problem or str(primary.path or "as the settings say")
    yield Line(name="Cluster's own network", says=says, mood=Mood.BAD if primary.problem else Mood.PLAIN)
    for name in ("pods", "nads"):
        if (silent := values.get((known.CACHE_AGE.name, name))) is None:
            continue
        told_as = {"pods": "This node's pods", "nads": "Definitions"}[name]
        objects = values.get((known.CACHE_OBJECTS.name, name), 0)
        in_sync = values.get((known.CACHE_IN_SYNC.name, name)) == 1
        heard = f"heard {silent:.0f} s ago" if math.isfinite(silent) else "never heard"
        says = f"{objects:.0f}, {'in sync' if in_sync else 'not in sync'}, {heard}"
        good = in_sync and silent <= OLD_SECONDS
        yield Line(name=told_as, says=says, mood=Mood.GOOD if good else Mood.WARNING)
    for what, name, mood in _COUNTS:
        if (value := values.get((what.name,))) is not None:
            yield Line(name=name, says=f"{value:.0f}", mood=mood if value else Mood.PLAIN)


_COUNTS: Final = (
    (known.RUNNING, "Requests in work", Mood.PLAIN),
    (known.QUEUE_LENGTH, "Requests waiting", Mood.PLAIN),
    (known.LEFTOVERS, "Leftovers", Mood.WARNING),
    (known.LATE_STATUSES, "Statuses not told yet", Mood.WARNING),
    (known.EVENTS_DROPPED, "Events never posted", Mood.WARNING),
    (known.CONFLIST_LOST, "Times our CNI file was taken away", Mood.WARNING),
)
"""What each is called for people, and what it means where there is any."""
