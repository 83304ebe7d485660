"""Our nouns: what a pod is to get (Plan of Attachments), and what came of each (Outcome)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from multinet.cni.netconf import NetConfList
from multinet.cni.types import IP, Result
from multinet.npwg.device import DeviceInfo, identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """What we need to know of a pod. ``uid`` is "" where nobody told it."""

    namespace: str
    name: str
    uid: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Not on record: what they ask for is in the attachments."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """One network for one interface of the pod, all questions answered."""

    network: str
    """As network-status names it: ``<namespace>/<definition>``, or the CNI name of a network from a file."""
    ifname: str
    conflist: NetConfList
    args: str = ""
    """CNI_ARGS for its plugins."""
    capability_args: Mapping[str, Any] = field(default_factory=dict)
    """What its plugins get as runtimeConfig, each the part whose capability it declares."""
    cni_args: Mapping[str, Any] = field(default_factory=dict)
    """Merged into each plugin's ``args.cni``."""
    device_id: str = ""
    """Put into each plugin's configuration as ``deviceID`` and ``pciBusID``."""
    resource: str = ""
    """The resource that the device is of, where the definition names one."""
    device_info_file: str = ""
    """Where the plugin, or the device plugin before it, leaves what it knows of the device."""
    default_route: tuple[IP, ...] | None = None
    """The gateways it was asked to carry the pod's default route over; () asks it to use its own."""
    is_default: bool = False
    """Is this the pod's first network, whose result the runtime gets?"""
    ips: tuple[str, ...] = ()
    """Addresses that were asked for and must be in the result."""
    mac: str = ""
    """The MAC that was asked for and must be in the result."""

    @property
    def device(self) -> str:
        """What tells its device from all others of the node; "" without one."""
        return identity(self.resource, self.device_id) if self.device_id else ""

    def extra(self) -> dict[str, Any]:
        """What is merged into each plugin's configuration besides runtimeConfig."""
        merged: dict[str, Any] = {}
        if self.cni_args:
            merged["args"] = {"cni": dict(self.cni_args)}
        if self.device_id:
            merged |= {"deviceID": self.device_id, "pciBusID": self.device_id}
        return merged


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything a sandbox is to get, in order; the first attachment is the default one."""

    container_id: str
    ifname: str
    netns: str
    pod: Pod | None
    attachments: tuple[Attachment, ...]
    names_networks: bool = False
    """Does the pod ask for anything of its own? Plain pods need no network-status."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one attachment. ``device_info`` is what its device-info file says, if it left one."""

    attachment: Attachment
    result: Result
    device_info: DeviceInfo | None = None


class Phase(StrEnum):
    """How far an ADD came."""

    INTENDED = "intended"
    """Changes may have begun."""
    DONE = "done"
    """All of it stands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What DEL needs of a sandbox: the configurations as they were on the day of ADD, the arguments, the
    results.

    Definitions may change and vanish meanwhile. ``results``: ifname -> result; empty until the ADD is done.
    ``boot_id`` tells whether the node was started anew since; "" where nobody noted it.
    """

    plan: Plan
    phase: Phase
    boot_id: str
    results: Mapping[str, Result] = field(default_factory=dict)
    foreign: bool = False
    """Somebody else set it up, and this is put together from what they remember: enough to take it back, not
    to judge it. While ``phase`` is INTENDED, there may be more networks than are known."""
    guessed: bool = False
    """It stands for one of a newer multinet, which is on disk and can't be read here: enough for the pod to end."""

    def done(self, outcomes: Sequence[Outcome]) -> Record:
        results = {outcome.attachment.ifname: outcome.result for outcome in outcomes}
        return Record(plan=self.plan, phase=Phase.DONE, boot_id=self.boot_id, results=results)
