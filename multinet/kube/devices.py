"""Which devices a pod was given: by device plugins, as the kubelet knows, or by ResourceClaims, as the API does.

A network's device is looked for in the kubelet's answer first. The claims are asked only about what is not in
it: they cost calls to the API server, which a pod with a device plugin's devices then starts without.

Where Multus sorts the ids of all containers together, the first container's come first here: that is the order
in which its applications see them in their environment, and the annotation's networks are meant for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from multinet.deadline import Deadline
from multinet.errors import InvalidConfig, IOFailure
from multinet.kube.checkpoint import Checkpoint
from multinet.kube.claims import Claimed, Claims
from multinet.kube.client import Api
from multinet.plan import Pod


class Kubelet(Protocol):
    """What the kubelet tells of device plugins' devices: PodResources, Checkpoint."""

    def allocated(self, pod: Pod, deadline: Deadline) -> Mapping[str, Sequence[str]]: ...

    def registered(self, deadline: Deadline) -> frozenset[str]: ...


class DeviceSource:
    """``socket`` and ``checkpoint`` are the kubelet's pod-resources socket, and the file it is replaced by
    where there is none.
    """

    def __init__(self, api: Api, *, node_name: str, socket: Path, checkpoint: Path) -> None:
        self._claims = Claims(api, node_name)
        self._socket = socket
        self._checkpoint = checkpoint

    def allocated(self, pod: Pod, deadline: Deadline) -> Mapping[str, Sequence[str] | None]:
        """Resource name -> device ids; None for a resource that has no devices and is only counted."""
        return Allocated(pod, self._kubelet(), self._claims, deadline)

    def _kubelet(self) -> Kubelet:
        if self._socket.exists():
            from multinet.kube.podresources import PodResources  # 2 MB that most nodes never need

            return PodResources(self._socket)
        if self._checkpoint.exists():
            return Checkpoint(self._checkpoint)
        raise IOFailure(
            f"the devices of pods can't be told: neither {self._socket} nor {self._checkpoint} is there",
            hint="the kubelet serves the one and writes the other: let the agent see that folder",
        )


class Allocated(Mapping[str, Sequence[str] | None]):
    """One pod's devices. Each source is asked at most once, when it is first needed."""

    def __init__(self, pod: Pod, kubelet: Kubelet, claims: Claims, deadline: Deadline) -> None:
        self._pod = pod
        self._kubelet = kubelet
        self._claims = claims
        self._deadline = deadline

    def __getitem__(self, resource: str) -> Sequence[str] | None:
        """KeyError: the pod has none of them. Raises what stands in the way of those it might have.

        A pod that asks for a resource by number, and that the kubelet let in without giving it any device of
        it, since no plugin on the node has one, asked for something to be counted.
        """
        if ids := self._plugins.get(resource):
            return ids
        if fault := self._claimed.faults.get(resource):
            raise fault
        if ids := self._claimed.devices.get(resource):
            return ids
        requested, others = resource in self._claimed.requested, self._claimed.others
        if (requested or others) and resource not in self._kubelet.registered(self._deadline):
            if requested:
                return None
            raise InvalidConfig(
                f"no device of the resource {resource!r} is known to the kubelet, and of the pod's claims: "
                + "; ".join(others),
                hint="if one of them is meant, its DRA driver must tell the resource",
            )
        raise KeyError(resource)

    def __iter__(self) -> Iterator[str]:
        return iter({**self._plugins, **self._claimed.devices})

    def __len__(self) -> int:
        return len({**self._plugins, **self._claimed.devices})

    @cached_property
    def _plugins(self) -> Mapping[str, Sequence[str]]:
        return self._kubelet.allocated(self._pod, self._deadline)

    @cached_property
    def _claimed(self) -> Claimed:
        return self._claims.of_pod(self._pod, self._deadline)
