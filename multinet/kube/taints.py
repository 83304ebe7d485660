"""Take one taint off a node (core/v1, ``spec.taints``).

The list has no merge key that a patch could name one taint by, so it is written as a whole, and only if it is still
what was read: a taint that somebody adds in the same moment, such as the one that keeps pods off a node that fills
up, is not lost.
"""

from __future__ import annotations

from typing import Any, Final

from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube import paths
from multinet.kube.backoff import Backoff, pause
from multinet.kube.client import JSON_PATCH, METADATA_ONLY, Api
from multinet.kube.errors import ApiError, ApiNotFound

CHANGED: Final = 422
"""The answer to a JSON patch whose test fails; and to one that is wrong, which the next look would repeat."""


def has(api: Api, node: str, key: str, deadline: Deadline) -> bool:
    """False for a node that is not known, too. Raises ApiError."""
    return key in (taint.get("key") for taint in _taints(api, node, deadline))


def remove(api: Api, node: str, key: str, deadline: Deadline) -> None:
    """Return when it is not there, whatever its effect was. Raises ApiError; TryAgain when others change the list
    without an end.
    """
    backoff = Backoff()
    while True:
        had = _taints(api, node, deadline)
        kept = [taint for taint in had if taint.get("key") != key]
        if kept == had:
            return
        patch = [
            {"op": "test", "path": "/spec/taints", "value": had},
            {"op": "replace", "path": "/spec/taints", "value": kept},
        ]
        try:
            api.patch(
                paths.node(node), patch, deadline=deadline, content_type=JSON_PATCH, accept=METADATA_ONLY
            )
        except ApiError as error:
            if error.status != CHANGED:
                raise
            wait = backoff.next()
            if wait >= deadline.remaining():
                raise TryAgain(
                    f"could not remove the taint {key} from the node {node}: its taints changed meanwhile"
                ) from error
            pause(wait, deadline)
        else:
            return


def _taints(api: Api, node: str, deadline: Deadline) -> list[dict[str, Any]]:
    try:
        spec = api.get(paths.node(node), deadline=deadline).get("spec", {})
    except ApiNotFound:
        return []
    taints: list[dict[str, Any]] = spec.get("taints") or []
    return taints
