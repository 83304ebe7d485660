"""The cluster as a verb sees it (``multinet.verbs.node.Cluster``): what is kept, and the rest asked for.

                  what is kept says so      else
    definition    no question               one GET: it may be a moment old
    pod           no question               one GET; also when the UID is another: the pod was made anew
    publish                                 one PATCH

So pods start while the API server is away, as long as what they need was ever seen. What is missing and can't
be asked for is "try again", by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from multinet import log
from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube import publish
from multinet.kube.client import Api
from multinet.kube.errors import ApiNotFound, ApiUnavailable
from multinet.kube.nads import LONGEST_KEPT, NadCache
from multinet.kube.pods import CONFIG_HASH, PodCache, is_static
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod

ASK_SECONDS: Final = 10.0
"""For one question, the client's retries included. The runtime asks again, and other pods need the worker."""


class Devices(Protocol):
    """``multinet.kube.devices.DeviceSource``."""

    def allocated(self, pod: Pod, deadline: Deadline) -> Mapping[str, Sequence[str] | None]: ...


@dataclass(frozen=True, slots=True)
class KubeCluster:
    """One for the agent; each request has its own view of it, with its deadline."""

    api: Api
    pods: PodCache
    nads: NadCache
    devices: Devices

    def request(self, deadline: Deadline) -> RequestCluster:
        return RequestCluster(self, deadline)


@dataclass(frozen=True, slots=True)
class RequestCluster:
    """The door for one request."""

    _all: KubeCluster
    _deadline: Deadline

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        """The pod that the runtime means: of that UID, if it says one. Raises TryAgain when it is not known (yet).

        Of a static pod there is only a mirror, which has another UID, and an older one until the kubelet has
        made the next: it will do.
        """
        known = self._all.pods.get(namespace, name)
        if known is not None and _is(known, uid):
            return replace(known, uid=uid or known.uid)
        try:
            found = self._all.pods.ask(namespace, name, self._question())
        except ApiNotFound as error:
            raise TryAgain(
                f"the API server does not know the pod {namespace}/{name}",
                hint="it was deleted, or is not visible yet; the runtime will try again if it still wants it",
            ) from error
        except ApiUnavailable as error:
            if known is None or not is_static(known):
                raise _without(f"the pod {namespace}/{name}", error) from error
            found = known
        if not _is(found, uid) and not is_static(found):
            raise TryAgain(
                f"the pod {namespace}/{name} has the UID {found.uid}, and the runtime asks for {uid}",
                hint="one of them was deleted; the runtime will try again if it still wants it",
            )
        return replace(found, uid=uid or found.uid)

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        """None when there is none. Raises InvalidConfig for one that can't be read, TryAgain."""
        known = self._all.nads.get(namespace, name)
        if known is not None:
            log.bind(definitions_age=round(self._all.nads.reflector.age(), 1))
            return known
        try:
            return self._all.nads.ask(namespace, name, self._question())
        except ApiNotFound:
            return None
        except ApiUnavailable as error:
            what = f"the NetworkAttachmentDefinition {namespace}/{name}"
            if self._all.nads.too_large(namespace, name):
                raise _without(
                    what, error, f"has more than the {LONGEST_KEPT >> 10} KiB that are kept"
                ) from error
            raise _without(what, error) from error

    def devices(self, pod: Pod) -> Mapping[str, Sequence[str] | None]:
        return self._all.devices.allocated(pod, self._deadline)

    def publish(self, pod: Pod, entries: Sequence[NetworkStatus]) -> None:
        """Write the pod's network-status. Raises TryAgain when the pod is gone or can't be reached."""
        if is_static(pod):  # its UID is the kubelet's own; what is written to is the mirror
            mirror = self._all.pods.get(pod.namespace, pod.name)
            pod = replace(pod, uid=mirror.uid if mirror else "")
        publish.publish(self._all.api, pod, entries, self._deadline)

    def _question(self) -> Deadline:
        self._deadline.check("asking the API server")
        return Deadline(self._deadline.limit(ASK_SECONDS))


def _is(pod: Pod, uid: str) -> bool:
    return not uid or uid in (pod.uid, pod.annotations.get(CONFIG_HASH))


def _without(what: str, error: ApiUnavailable, why: str = "was not seen before") -> TryAgain:
    return TryAgain(
        f"{what} {why}, and the API server can't be asked for it: {error.sentence}",
        hint="the runtime will try again",
    )
