"""The devices that device plugins gave to pods, from the file in which the kubelet keeps them across restarts.

It is asked where the kubelet serves no socket. Its form is the device manager's own
(k8s.io/kubernetes/pkg/kubelet/cm/devicemanager/checkpoint) and nobody's interface; the two forms that were in
use are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multinet import files
from multinet.deadline import Deadline
from multinet.errors import BadEnvironment, DecodingFailure
from multinet.plan import Pod


class Checkpoint:
    """``path`` is the file ``kubelet_internal_checkpoint``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def allocated(self, pod: Pod, deadline: Deadline) -> dict[str, list[str]]:
        """Resource name -> device ids, sorted: the file does not tell the order of the containers."""
        if not pod.uid:
            raise BadEnvironment(
                f"the devices of the pod {pod} can't be told without its UID",
                hint="the runtime must give K8S_POD_UID in CNI_ARGS",
            )
        by_resource: dict[str, set[str]] = {}
        try:
            for entry in self._data().get("PodDeviceEntries") or ():
                if entry["PodUID"] == pod.uid:
                    by_resource.setdefault(_text(entry["ResourceName"]), set()).update(
                        _ids(entry["DeviceIDs"])
                    )
            return {resource: sorted(ids) for resource, ids in by_resource.items()}
        except (LookupError, TypeError, AttributeError) as error:
            raise self._unknown_form(error) from error

    def registered(self, deadline: Deadline) -> frozenset[str]:
        """Every resource that has devices on this node, whoever they are given to."""
        try:
            return frozenset(
                _text(name) for name, ids in (self._data().get("RegisteredDevices") or {}).items() if ids
            )
        except (TypeError, AttributeError) as error:
            raise self._unknown_form(error) from error

    def _data(self) -> Mapping[str, Any]:
        try:
            data = json.loads(files.read(self._path))["Data"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise self._unknown_form(error) from error
        if not isinstance(data, Mapping):
            raise self._unknown_form(TypeError(f"Data is {data!r:.40}"))
        return data

    def _unknown_form(self, error: Exception) -> DecodingFailure:
        return DecodingFailure(
            f"{self._path} is not the kubelet's list of devices in a form that is known",
            hint="give the agent the kubelet's pod-resources socket instead",
            details=f"{type(error).__name__}: {error}",
        )


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError(f"expected a resource's name, got {told!r:.40}")
    return told


def _ids(told: Any) -> list[str]:
    """By NUMA node since Kubernetes 1.20, a list before."""
    ids = [one for node in told.values() for one in node] if isinstance(told, Mapping) else list(told)
    if not all(isinstance(one, str) for one in ids):
        raise TypeError(f"expected device ids, got {told!r:.40}")
    return ids
