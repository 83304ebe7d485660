"""The devices that device plugins gave to pods, from the kubelet's own mouth: its PodResources service
(``v1.PodResourcesLister`` in k8s.io/kubelet/pkg/apis/podresources/v1/api.proto).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from multinet.deadline import Deadline
from multinet.errors import TryAgain, inside
from multinet.kube import grpc, protobuf
from multinet.plan import Pod
from multinet.waiting import waiting

SERVICE: Final = "/v1.PodResourcesLister"

SECONDS: Final = 10.0
"""For one question. The kubelet answers from memory."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds before asking again when the kubelet says that it is asked too often: 100 times a second with 10 to
spare is its limit, which a burst of new pods reaches."""

SERVED_IN_PART: Final = (grpc.UNIMPLEMENTED, grpc.UNKNOWN)
"""How a kubelet says that it has no ``Get`` (before 1.27), or has it switched off (before 1.34, by default)."""


class PodResources:
    """The kubelet's socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def allocated(self, pod: Pod, deadline: Deadline) -> dict[str, list[str]]:
        """Resource name -> device ids: those of the first container first, in the order of the pod's spec
        (init containers that stay come before), and sorted within a container, since the kubelet keeps a
        container's ids as a set.
        """
        message = self._pod(pod, deadline)
        by_resource: dict[str, list[str]] = {}
        with inside(str(self._path)):
            for number, container in protobuf.read(message):
                for resource, device in sorted(_devices(container)) if number == 3 else ():
                    known = by_resource.setdefault(resource, [])
                    if device not in known:
                        known.append(device)
        return by_resource

    def registered(self, deadline: Deadline) -> frozenset[str]:
        """Every resource that has devices on this node, whoever they are given to."""
        answer = self._call("GetAllocatableResources", b"", deadline)
        with inside(str(self._path)):
            return frozenset(
                _container_devices(content)[0] for number, content in protobuf.read(answer) if number == 1
            )

    def _pod(self, pod: Pod, deadline: Deadline) -> bytes:
        """The pod's own message."""
        try:
            answer = self._call("Get", protobuf.texts((1, pod.name), (2, pod.namespace)), deadline)
        except grpc.Refused as refused:
            if refused.status not in SERVED_IN_PART:
                raise
            answer = self._call("List", b"", deadline)
        with inside(str(self._path)):
            found = [
                content
                for number, content in protobuf.read(answer)
                if number == 1 and _name(content) == (pod.namespace, pod.name)
            ]
        if len(found) != 1:
            told = (
                f"tells of {len(found)} pods {pod}, and not which is which"
                if found
                else f"knows no pod {pod}"
            )
            raise TryAgain(
                f"the kubelet {told}",
                hint="it may be about to change; the runtime will try again",
            )
        return found[0]

    def _call(self, method: str, message: bytes, deadline: Deadline) -> bytes:
        deadline.check("asking the kubelet for the pod's devices")
        limit = Deadline(deadline.limit(SECONDS))
        pause = FIRST_PAUSE
        while True:
            try:
                with waiting():
                    return grpc.call(self._path, f"{SERVICE}/{method}", message, limit)
            except grpc.Refused as refused:
                if refused.status != grpc.RESOURCE_EXHAUSTED:
                    raise
                if pause >= limit.remaining():
                    raise TryAgain(refused.message, hint="the runtime will try again") from refused
            with waiting():
                time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)


def _name(pod: bytes) -> tuple[str, str]:
    """Namespace and name."""
    told = {number: content for number, content in protobuf.read(pod) if number in (1, 2)}
    return protobuf.text(told.get(2, b"")), protobuf.text(told.get(1, b""))


def _devices(container: bytes) -> Iterator[tuple[str, str]]:
    """Resource name and device id of each."""
    for number, content in protobuf.read(container):
        if number == 2:
            resource, ids = _container_devices(content)
            yield from ((resource, one) for one in ids)


def _container_devices(message: bytes) -> tuple[str, list[str]]:
    """Resource name and device ids."""
    resource, ids = "", []
    for number, content in protobuf.read(message):
        if number == 1:
            resource = protobuf.text(content)
        elif number == 2:
            ids.append(protobuf.text(content))
    return resource, ids
