"""Which device goes to which attachment.

A definition that names a resource gets the device that was allocated to the pod for it; a resource with no
device left is an error that names it, never a plugin called without its device.

Devices are handed out in the order in which they are told, to the attachments in theirs. Whoever tells them
does so in an order that is the same each time, so that a second ADD arrives at the first one's plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeAlias

from multinet.errors import InvalidConfig
from multinet.npwg.device import identity
from multinet.npwg.nad import NetworkAttachmentDefinition

Allocated: TypeAlias = Mapping[str, Sequence[str] | None]
"""Resource name -> the device ids allocated to a pod. None for a resource that has no devices and is only
counted, as bridge-marker and ovs-cni have the scheduler do: its networks are attached without one."""


class Devices:
    """The devices of one pod, each given away at most once. ``allocated`` is called when first needed; without
    it, definitions get none.
    """

    def __init__(self, allocated: Callable[[], Allocated] | None) -> None:
        self._allocated = cache(allocated) if allocated is not None else None
        self._given: dict[str, str] = {}

    def take(self, definition: NetworkAttachmentDefinition, asked: str) -> str:
        """The device for an attachment, "" when it needs none. ``asked`` is the annotation's own choice."""
        network, resource = f"{definition.namespace}/{definition.name}", definition.resource_name
        device = asked
        if resource and self._allocated is not None:
            allocated = self._allocated().get(resource, ())
            if allocated is None:
                return ""
            if asked and asked not in allocated:
                raise InvalidConfig(
                    f"the device {asked!r} is asked for by {network}, and was not allocated to the pod",
                    hint=f"leave 'deviceID' out: one of those of the resource {resource!r} is chosen",
                )
            device = asked or next(
                (one for one in allocated if identity(resource, one) not in self._given), ""
            )
            if not device:
                raise InvalidConfig(
                    f"no device of the resource {resource!r} is left for {network}",
                    hint="request as many of it in the pod's containers as there are networks that need one",
                )
        if not device:
            return ""
        if (holder := self._given.get(identity(resource, device))) is not None:
            raise InvalidConfig(
                f"the device {device!r} is asked for by {network}, but {holder} has it",
                hint="give each attachment a device of its own",
            )
        self._given[identity(resource, device)] = network
        return device
