"""Clusters for the scenarios, each behind the same driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from e2e.cluster.driver import Driver
from e2e.cluster.kind import Kind
from e2e.cluster.local import Local
from e2e.cluster.multinet import TAINT

DRIVERS: Final[Mapping[str, Callable[..., Driver]]] = {
    "kind": partial(Kind, taints=[TAINT]),
    "local": partial(Local, taints=[TAINT]),
}
"""To be called with ``only_ipv6`` for a cluster without IPv4."""
