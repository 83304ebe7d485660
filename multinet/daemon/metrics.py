"""What the agent counts and measures, for Prometheus. README.md beside this says what each means.

What happens is counted when it happens; what just is (a queue's length, a cache's age) is read when somebody
asks for ``text``, through functions that were handed in. All counting for an ADD of three networks takes about
18 us; a test keeps it below 50. Nothing is shared with another ``Metrics`` of the process.

Labels have few values each, whatever runtimes and plugins say: every combination is kept for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from multinet import __version__, log
from multinet.cni.request import Verb
from multinet.daemon.latency import Latency, latencies

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0),
)
"""Seconds. A delegate of ours takes 1 to 20 ms; the kubelet waits about 120 s for a sandbox."""

OTHER: Final = "other"
"""The label of a verb that is none, and of a code that neither CNI nor its conventions know."""


class Dropped(StrEnum):
    """Why a request got no answer of a verb."""

    QUEUE_FULL = "queue_full"
    WAITED_TOO_LONG = "waited_too_long"
    CLIENT_GONE = "client_gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """Something that is read when metrics are asked for. ``counts``: it only ever grows."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    counts: bool = False


QUEUE_LENGTH: Final = Watched(name="multinet_queue_length", help="Requests that wait for a worker.")
RUNNING: Final = Watched(name="multinet_requests_running", help="Requests that a worker is busy with.")
RECORDS: Final = Watched(name="multinet_records", help="Sandbox attachments in the journal.")
LEFTOVERS: Final = Watched(name="multinet_leftovers", help="Records whose clearing failed or still waits.")
CACHE_OBJECTS: Final = Watched(
    name="multinet_cache_objects", help="Objects in a cache of the API.", labels=("cache",)
)
CACHE_AGE: Final = Watched(
    name="multinet_cache_age_seconds", help="Since the API was last heard.", labels=("cache",)
)
CACHE_IN_SYNC: Final = Watched(
    name="multinet_cache_in_sync", help="1 when a cache has all objects and is watching.", labels=("cache",)
)
PRIMARY_PROBLEM: Final = Watched(
    name="multinet_primary_problem", help="1 while the primary network's configuration is unusable."
)
EVENTS_DROPPED: Final = Watched(
    name="multinet_events_dropped_total", help="Events on pods that were never posted.", counts=True
)
LATE_STATUSES: Final = Watched(
    name="multinet_late_statuses", help="Network-statuses that the API server could not be told yet."
)
CONFLIST_LOST: Final = Watched(
    name="multinet_conflist_lost_total", help="Times our CNI configuration was taken away.", counts=True
)
BUILD: Final = Watched(name="multinet_build_info", help="1, with the release that runs.", labels=("version",))
THREADS: Final = Watched(name="multinet_threads", help="Threads of the agent.")

WATCHED: Final = (
    QUEUE_LENGTH,
    RUNNING,
    RECORDS,
    LEFTOVERS,
    CACHE_OBJECTS,
    CACHE_AGE,
    CACHE_IN_SYNC,
    PRIMARY_PROBLEM,
    EVENTS_DROPPED,
    LATE_STATUSES,
    CONFLIST_LOST,
    BUILD,
    THREADS,
)


class Metrics:
    """All of them. Any thread may call anything."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._request_seconds = Histogram(
            "multinet_request_seconds",
            "From a worker's taking a request to its answer.",
            ["verb"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._delegate_seconds = Histogram(
            "multinet_delegate_seconds",
            "One verb of one delegate, its IPAM included.",
            ["type", "verb"],
            buckets=BUCKETS,
            registry=registry,
        )
        requests = Counter(
            "multinet_requests_total", "Requests by their CNI code.", ["verb", "code"], registry=registry
        )
        api_requests = Counter(
            "multinet_api_requests_total",
            "Requests to the API server by HTTP status.",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self._dropped = Counter(
            "multinet_requests_dropped_total",
            "Requests that got no answer of a verb.",
            ["reason"],
            registry=registry,
        )
        # ``labels()`` makes texts of its arguments and takes a lock, which costs more than counting.
        self._seconds_of = cache(self._request_seconds.labels)
        self._delegate_seconds_of = cache(self._delegate_seconds.labels)
        self._requests_of = cache(requests.labels)
        self._api_requests_of = cache(api_requests.labels)
        self._watching = _Watching()
        registry.register(self._watching)
        ProcessCollector(registry=registry)
        self._registry = registry
        for verb in Verb:  # so that the first of its kind is seen as an increase, not as a beginning
            self._requests_of(verb.value, "0")
        for reason in Dropped:
            self._dropped.labels(reason.value)
        self.watch(THREADS, threading.active_count)
        self.watch(BUILD, lambda: 1, version=__version__)

    def request(self, verb: str, code: int, seconds: float) -> None:
        """A verb was answered. ``code``: 0 for success, else what ``errors.code_of`` says of the error."""
        known = verb if verb in _VERBS else OTHER
        self._requests_of(known, _code(code)).inc()
        self._seconds_of(known).observe(seconds)

    def delegate(self, type_: str, verb: str, seconds: float) -> None:
        """A delegate has done a verb, or failed at it: the listener of ``multinet.timing``."""
        self._delegate_seconds_of(type_, verb).observe(seconds)

    def api_request(self, verb: str, resource: str, code: int) -> None:
        """The API server was asked. ``code`` is the HTTP status, 0 when no answer came."""
        self._api_requests_of(verb, resource, code).inc()

    def dropped(self, reason: Dropped) -> None:
        self._dropped.labels(reason.value).inc()

    def watch(self, what: Watched, read: Callable[[], float], **labels: str) -> None:
        """Tell ``read()`` as ``what`` from now on, instead of what was told with these labels before."""
        if tuple(labels) != what.labels:
            raise ValueError(f"{what.name} has the labels {what.labels}, not {tuple(labels)}")
        self._watching.add(what, tuple(labels.values()), read)

    def values(self) -> Mapping[tuple[str, ...], float]:
        """What is watched, as it is now: by its name, and the values of its labels."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for told in self._watching.collect()
            for sample in told.samples
        }

    def verb_latencies(self) -> Sequence[Latency]:
        """By verb."""
        return latencies(self._request_seconds.collect())

    def delegate_latencies(self) -> Sequence[Latency]:
        """By type and verb."""
        return latencies(self._delegate_seconds.collect())

    def text(self) -> bytes:
        """The exposition, in the format of ``CONTENT_TYPE``."""
        return generate_latest(_WithoutCreated(self._registry))


_VERBS: Final = frozenset(verb.value for verb in Verb)
_LAST_CODE: Final = 199
"""CNI has 0 to 99 for itself; plugins begin to number theirs at 100."""


def _code(code: int) -> str:
    return str(code) if 0 <= code <= _LAST_CODE or code == 999 else OTHER


class _Watching(Collector):
    """The metrics that are read when asked for."""

    def __init__(self) -> None:
        self._reads: dict[Watched, dict[tuple[str, ...], Callable[[], float]]] = {}
        self._failing: set[tuple[str, ...]] = set()

    def add(self, what: Watched, labels: tuple[str, ...], read: Callable[[], float]) -> None:
        self._reads[what] = {**self._reads.get(what, {}), labels: read}

    def collect(self) -> Iterator[Metric]:
        for what in WATCHED:
            family = CounterMetricFamily if what.counts else GaugeMetricFamily
            told = family(what.name, what.help, labels=what.labels)
            for labels, read in self._reads.get(what, {}).items():
                if (value := self._read(what.name, labels, read)) is not None:
                    told.add_metric(labels, value)
            yield told

    def _read(self, name: str, labels: tuple[str, ...], read: Callable[[], float]) -> float | None:
        """None when it failed: then only this one is not told, and the log says so once."""
        series = (name, *labels)
        try:
            value = float(read())
        except Exception as error:
            if series not in self._failing:
                self._failing.add(series)
                log.warn("metric not read", metric=" ".join(series), error=str(error))
            return None
        self._failing.discard(series)
        return value


class _WithoutCreated:
    """A registry's metrics without the time at which each series began, which would double the counters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
