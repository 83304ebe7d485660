"""Quantiles out of histograms, as Prometheus would tell them."""

from __future__ import annotations

import math

import pytest

from multinet.daemon.latency import Latency, quantile
from multinet.daemon.metrics import Metrics

BUCKETS = [(0.1, 2.0), (0.2, 6.0), (1.0, 10.0), (math.inf, 10.0)]


@pytest.mark.parametrize(
    ("share", "seconds"),
    [
        (0.0, 0.0),
        (0.1, 0.05),  # in the middle of the first bucket, which begins at 0
        (0.2, 0.1),
        (0.5, 0.175),
        (0.6, 0.2),
        (0.9, 0.8),
        (1.0, 1.0),
    ],
)
def test_within_a_bucket_they_are_spread_evenly(share: float, seconds: float):
    assert quantile(BUCKETS, share) == pytest.approx(seconds)


def test_what_took_longer_than_the_last_bound_is_told_as_that():
    assert quantile([(1.0, 1.0), (math.inf, 3.0)], 0.99) == 1.0


def test_empty_buckets_are_stepped_over():
    assert quantile([(1.0, 0.0), (2.0, 0.0), (4.0, 8.0), (math.inf, 8.0)], 0.5) == 3.0


def test_verbs_and_delegates_are_told_apart_and_what_never_happened_is_not_told():
    metrics = Metrics()
    for _ in range(4):
        metrics.request("ADD", 0, 0.0015)
    metrics.delegate("bridge", "ADD", 0.15)
    metrics.delegate("bridge", "DEL", 0.03)

    assert metrics.verb_latencies() == [
        Latency(of=("ADD",), count=4, seconds=pytest.approx((0.0015, 0.0019, 0.00199)))  # type: ignore[arg-type]
    ]
    assert [(one.of, one.count) for one in metrics.delegate_latencies()] == [
        (("bridge", "ADD"), 1),
        (("bridge", "DEL"), 1),
    ]
