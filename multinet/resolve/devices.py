"""Which device goes to which attachment.

A definition that names a resource gets the device that was allocated to the pod for it; a resource with no
device left is an error that names it, never a plugin called without its device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from multinet.errors import InvalidConfig
from multinet.npwg.nad import NetworkAttachmentDefinition


class Devices:
    """The devices of one pod, each given away at most once."""

    def __init__(self, allocated: Mapping[str, Sequence[str]]) -> None:
        """``allocated``: resource name -> device ids, in the order in which they are handed out."""
        self._left = {resource: list(ids) for resource, ids in allocated.items()}
        self._given: dict[str, str] = {}

    def take(self, definition: NetworkAttachmentDefinition, asked: str) -> str:
        """The device for an attachment, "" when it needs none. ``asked`` is the annotation's own choice."""
        network = f"{definition.namespace}/{definition.name}"
        device = asked
        if not device and definition.resource_name:
            left = self._left.get(definition.resource_name, [])
            device = next((device for device in left if device not in self._given), "")
            if not device:
                raise InvalidConfig(
                    f"no device of the resource {definition.resource_name!r} is left for {network}",
                    hint="request as many of it in the pod's containers as there are networks that need one",
                )
        if not device:
            return ""
        if device in self._given:
            raise InvalidConfig(
                f"the device {device!r} is asked for by {network}, but {self._given[device]} has it",
                hint="give each attachment a device of its own",
            )
        self._given[device] = network
        return device
