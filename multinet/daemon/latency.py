"""How long verbs and delegates take, out of the histograms that Prometheus reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.metrics_core import Metric

BUCKET, COUNT, BOUND = "_bucket", "_count", "le"
QUANTILES: Final = (0.5, 0.9, 0.99)


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Of one series. ``seconds``: at ``QUANTILES``, each no finer than the histogram's buckets are."""

    of: tuple[str, ...]
    """The values of its labels."""
    count: int
    seconds: tuple[float, ...]


def latencies(histogram: Iterable[Metric]) -> list[Latency]:
    """By the series that have anything, in their order."""
    buckets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for metric in histogram:
        for sample in metric.samples:
            if sample.name.endswith(BUCKET):
                of = tuple(value for key, value in sample.labels.items() if key != BOUND)
                buckets.setdefault(of, []).append((float(sample.labels[BOUND]), sample.value))
    return [
        Latency(of=of, count=int(found[-1][1]), seconds=tuple(quantile(found, one) for one in QUANTILES))
        for of, found in sorted(buckets.items())
        if found[-1][1]
    ]


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """As ``histogram_quantile`` of Prometheus has it. ``buckets``: upper bounds, the last infinite, each with how
    many were below it.

    Within a bucket they are taken to be spread evenly; what lies beyond the last finite bound is told as that.
    """
    wanted = share * buckets[-1][1]
    below, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if math.isinf(bound):
                return below
            return below + (bound - below) * (wanted - before) / (count - before)
        below, before = bound, count
    return below
