"""Tell the pod what it was given: one merge-PATCH of one annotation (multi-net-spec 1.3, section 5).

A merge patch names what it changes and leaves every other annotation to whoever wrote it; the API server
merges it with the newest version of the pod, so a concurrent writer is no conflict. With the pod's UID in it
the patch holds for that pod and not for another that was made under its name meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube import paths
from multinet.kube.backoff import Backoff, pause
from multinet.kube.client import METADATA_ONLY, Api
from multinet.kube.errors import ApiConflict, ApiError, ApiNotFound
from multinet.npwg import status
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod

_OTHER_UID = ("metadata.uid", "UID in precondition")
"""What the API server names when the pod of that name has another UID. It has no code of its own for it: a
patch of a field that can't change is invalid (422), and a conflict (409) where it takes it for a precondition.
"""


def publish(api: Api, pod: Pod, entries: Sequence[NetworkStatus], deadline: Deadline) -> None:
    """Return when it is written. Raises TryAgain when that pod is no more, ApiError."""
    metadata: dict[str, Any] = {"annotations": {NETWORK_STATUS: status.write(entries)}}
    if pod.uid:
        metadata["uid"] = pod.uid
    backoff = Backoff()
    while True:
        try:
            api.patch(
                paths.pod_status(pod.namespace, pod.name),
                {"metadata": metadata},
                deadline=deadline,
                accept=METADATA_ONLY,
                unread=True,
            )
        except ApiNotFound as error:
            raise TryAgain(
                f"could not write the network-status of {pod}: the pod is gone from the API server",
                hint="it was deleted while it got its networks",
            ) from error
        except ApiError as error:
            if error.status in (409, 422) and any(words in error.message for words in _OTHER_UID):
                raise TryAgain(
                    f"could not write the network-status of {pod}: the pod of that name is another by now"
                    f" and does not have the UID {pod.uid}",
                    hint="it was deleted and made anew while it got its networks",
                ) from error
            wait = backoff.next()
            if not isinstance(error, ApiConflict) or wait >= deadline.remaining():
                raise
            pause(wait, deadline)
        else:
            return
