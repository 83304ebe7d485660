"""The one result: that of the pod's first network.

The runtime takes the pod's own addresses from it (CRI-O takes every address that it holds), so what the
further networks gave must not be in it; that is told by network-status. It speaks of what is there: a
default route that was moved to another network is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from multinet.cni.types import Result
from multinet.plan import Outcome


def aggregate(outcomes: Sequence[Outcome]) -> Result:
    return next(outcome.result for outcome in outcomes if outcome.attachment.is_default)
