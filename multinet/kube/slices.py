"""ResourceSlices (``resource.k8s.io/v1``): what DRA drivers say of their devices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from multinet.deadline import Deadline
from multinet.kube import paths
from multinet.kube.client import Api

PAGE: Final = 10
"""Slices in one answer. Each has up to 128 devices and some 400 kB, which take five times that in Python."""

Attributes: TypeAlias = Mapping[str, str]
"""Those that are texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device's name is unique in a pool, a pool's among those of a driver."""

    driver: str
    pool: str
    name: str

    def __str__(self) -> str:
        return f"{self.name!r} in the pool {self.pool!r} of the driver {self.driver}"


class Slices:
    """``node_name``: this node, for which drivers publish most slices."""

    def __init__(self, api: Api, node_name: str) -> None:
        self._api = api
        self._node_name = node_name

    def attributes(self, devices: Collection[Device], deadline: Deadline) -> dict[Device, Attributes]:
        """Those of each device that a slice tells of.

        Only slices of this node and, for what is not in them, those of no one node: of devices that several
        nodes reach. A list of all would have every node's.
        """
        found: dict[Device, tuple[int, Attributes]] = {}
        for driver in sorted({device.driver for device in devices}):
            wanted = {device for device in devices if device.driver == driver}
            for node in (self._node_name, ""):
                if wanted - found.keys():
                    selector = f"spec.driver={driver},spec.nodeName={node}"
                    for one in self._list(selector, deadline):
                        _look(one["spec"], wanted, found)
        return {device: attributes for device, (_, attributes) in found.items()}

    def _list(self, selector: str, deadline: Deadline) -> Iterator[Mapping[str, Any]]:
        query = {"fieldSelector": selector, "limit": str(PAGE)}
        while True:
            page = self._api.get(paths.RESOURCE_SLICES, deadline=deadline, query=query)
            yield from page["items"]
            if not (more := page["metadata"].get("continue")):
                return
            query["continue"] = more


def _look(
    spec: Mapping[str, Any], wanted: Collection[Device], found: dict[Device, tuple[int, Attributes]]
) -> None:
    """While a driver replaces the slices of a pool, those of the highest generation count."""
    pool, generation = spec["pool"]["name"], spec["pool"]["generation"]
    for told in spec.get("devices", ()):
        device = Device(driver=spec["driver"], pool=pool, name=told["name"])
        if device in wanted and (device not in found or found[device][0] < generation):
            values = {key: value.get("string") for key, value in told.get("attributes", {}).items()}
            found[device] = generation, {key: value for key, value in values.items() if value}
