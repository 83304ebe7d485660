"""This node's pods: of each its UID and the annotations that we read, nothing else crosses the wire or is kept.

The server sends the metadata alone when it is asked for ("Metadata-only fetches", Kubernetes API concepts),
a sixth of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from multinet.deadline import Deadline
from multinet.kube import paths
from multinet.kube.answers import of_a_known_form
from multinet.kube.client import Api
from multinet.kube.watch import READ_SECONDS, Accept, Reflector
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.plan import Pod

CONFIG_SOURCE: Final = "kubernetes.io/config.source"
"""Where the kubelet has the pod from: "api", or "file" and "http" for a static one."""

CONFIG_HASH: Final = "kubernetes.io/config.hash"
"""A static pod's UID as the kubelet and the runtime have it. The one at the API, its mirror, has another."""

REST_SECONDS: Final = 0.05
"""How old what is known of a pod may get for want of looking. A node that fills up hears of each of its pods several
times, of its networks' status too, and a thread that wakes up for each takes the interpreter from an ADD."""

READ: Final = (NETWORKS, DEFAULT_NETWORK, CONFIG_SOURCE, CONFIG_HASH)

METADATA: Final = Accept(
    list="application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    watch="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
)

Kept: TypeAlias = tuple[str, Mapping[str, str]]
"""UID and annotations."""


class PodCache:
    """The node's pods as the API server had them when it was last heard."""

    def __init__(self, api: Api, node_name: str, *, read_seconds: float = READ_SECONDS) -> None:
        self._api = api
        self.reflector: Reflector[tuple[str, str], Kept] = Reflector(
            api,
            paths.PODS,
            name="pods",
            keep=_keep,
            query={"fieldSelector": f"spec.nodeName={node_name}"},
            accept=METADATA,
            read_seconds=read_seconds,
            rest_seconds=REST_SECONDS,
        )

    def get(self, namespace: str, name: str) -> Pod | None:
        kept = self.reflector.get((namespace, name))
        if kept is None:
            return None
        uid, annotations = kept
        return Pod(namespace=namespace, name=name, uid=uid, annotations=annotations)

    def ask(self, namespace: str, name: str, deadline: Deadline) -> Pod:
        """As the server has it now. Raises ApiNotFound, ApiUnavailable."""
        obj = self._api.get(paths.pod(namespace, name), deadline=deadline, accept=METADATA.watch)
        with of_a_known_form(f"the pod {namespace}/{name}"):
            _, (uid, annotations) = _keep(obj)
        return Pod(namespace=namespace, name=name, uid=uid, annotations=annotations)


def is_static(pod: Pod) -> bool:
    """Does the kubelet run it without the API server's word? What is at the API is then a mirror."""
    return pod.annotations.get(CONFIG_SOURCE, "api") != "api"


def _keep(obj: Mapping[str, Any]) -> tuple[tuple[str, str], Kept]:
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    ours = {key: annotations[key] for key in READ if key in annotations}
    found = (metadata["namespace"], metadata["name"]), (metadata["uid"], ours)
    if not all(isinstance(one, str) for one in (*found[0], found[1][0], *ours.values())):
        raise TypeError("a pod's names and annotations are texts")
    return found
