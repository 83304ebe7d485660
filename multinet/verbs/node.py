"""What a verb is handed: the doors to definitions, records, namespaces and the pod's status.

The daemonless run opens them on a folder and a disk; a daemon opens them on watches; a test on dictionaries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from multinet.cni.request import Request
from multinet.config import Settings
from multinet.deadline import Deadline
from multinet.delegate.invoke import Find, Scene
from multinet.npwg.device import DeviceInfo
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Outcome, Plan, Pod, Record
from multinet.resolve.defaults import Configurations
from multinet.resolve.devices import Allocated

Remaining = Callable[[], float]
"""How many seconds a request may wait still."""


class Records(Protocol):
    """What was given to whom (``multinet.state`` keeps it on disk)."""

    def lock(
        self, container_id: str, *, wait: bool = True, remaining: Remaining | None = None
    ) -> AbstractContextManager[object]:
        """Without ``wait``, entering it raises Busy while it is held; with it, TryAgain when that takes too long."""

    def joining(self, remaining: Remaining | None = None) -> AbstractContextManager[object]:
        """Held while a sandbox gets its first record; any number at once. Entering it may raise TryAgain."""

    def closed(self, remaining: Remaining | None = None) -> AbstractContextManager[object]:
        """While it is held nobody joins. Entering it waits for those who just do, and may raise TryAgain."""

    def find(self, container_id: str, ifname: str) -> Record | None:
        """Raises DecodingFailure for one that can't be read, as long as it is not forgotten: NewerRecord for one
        that a newer multinet wrote.
        """

    def find_own(self, container_id: str, ifname: str) -> Record | None:
        """The same, without what others remember of those they set up (``Record.foreign``)."""

    def all(self) -> Iterator[Record]: ...

    def write(self, record: Record) -> None: ...

    def written(self, container_id: str, ifname: str) -> float:
        """When it was last written, on the clock of ``time.time``; 0.0 for one that is not our own."""

    def forget(self, container_id: str, ifname: str) -> None: ...

    def writable(self) -> None:
        """Raises IOFailure when a record could not be written now."""

    def tidy(self) -> int:
        """Remove files of ours that tell of nothing any more. How many."""


class Cluster(Protocol):
    """Pods and definitions, and the one thing we write: a pod's network-status."""

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        """Raises TryAgain when the pod is not known (yet)."""

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None: ...

    def devices(self, pod: Pod) -> Allocated:
        """What was allocated to the pod. Asked once, and only for a pod whose definitions name a resource."""

    def publish(self, pod: Pod, status: Sequence[NetworkStatus]) -> None: ...


class DeviceInfoFiles(Protocol):
    """The device-info files of attachments (device-info-spec 1.1.0)."""

    def prepare(self, plan: Plan) -> None:
        """Give the plugins what the device plugins know of the devices."""

    def read(self, file: str) -> DeviceInfo | None: ...

    def remove(self, plan: Plan) -> None: ...

    def stale(self) -> Sequence[str]:
        """Those that are older than any ADD takes."""

    def discard(self, file: str) -> None: ...


Added = Callable[[Plan, Sequence[Outcome]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """Everything that a verb needs of the world, for one request."""

    settings: Settings
    records: Records
    cluster: Cluster
    configurations: Configurations
    device_info: DeviceInfoFiles
    find_delegate: Find
    open_scene: Callable[[Request], AbstractContextManager[Scene]]
    boot_id: str
    deadline: Deadline = field(default_factory=Deadline.never)
    """When the request must be over."""
    asked: float = field(default_factory=time.time)
    """When the request came in."""
    turn: Callable[[], AbstractContextManager[object]] = nullcontext
    """Held by an ADD but while it waits: many that compute and make things at once only hinder each other."""
    not_ready: Callable[[], str] = str
    """Why an ADD could not be served now; "" when it could."""
    added: Added = lambda plan, outcomes: None
    """Told when a pod has got what it asked for."""
