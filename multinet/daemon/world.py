"""What the agent keeps open: the disk, the cluster, the primary network; each request is handed what it is now."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from multinet import log
from multinet.config import Settings
from multinet.daemon.late import Late, PatientCluster
from multinet.daemon.primary import Primary
from multinet.daemon.turn import Turns
from multinet.deadline import Deadline
from multinet.delegate.host_links import HostLinks
from multinet.delegate.registry import Registry
from multinet.delegate.scene import open_scene
from multinet.errors import TryAgain
from multinet.folder.cluster import FolderCluster
from multinet.folder.configurations import ConfigurationFiles
from multinet.kube.cluster import KubeCluster
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from multinet.state.attachments import Attachments
from multinet.state.device_info import DeviceInfoFolder
from multinet.state.multus import WithMultus
from multinet.verbs.node import Cluster, Node

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

SYNC_SECONDS: Final = 30.0
"""How long after its start an agent says "not ready" for want of the cluster's pods and definitions. Later it
serves what it can: pods without further networks must start while the API server is away."""

NOT_KNOWN: Final = "the cluster's pods and definitions are not known yet"


class Nobody:
    """Stands where a shim would find and run executables (``delegate.executable.Runner``)."""

    def find(self, type_: str, path: Sequence[str]) -> Path:
        raise TryAgain(
            f"the plugin {type_} runs on the host, and no shim is calling that could run it",
            hint="it is run with the next CNI call of that sandbox",
        )

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        raise AssertionError("what is not found is not run")


class World:
    """Implements ``service.World``. ``kube`` None: a folder stands for the cluster."""

    def __init__(self, settings: Settings, primary: Primary, kube: KubeCluster | None) -> None:
        self.settings = settings
        self.primary = primary
        self.kube = kube
        self.records = WithMultus(
            Attachments(settings.state_dir),
            settings.multus_dir,
            settings.runtime_cache_dir,
            settings.device_info_dir,
        )
        self.device_info = DeviceInfoFolder(settings.device_info_dir)
        self.configurations = ConfigurationFiles(settings.conf_dir, primary)
        self.turns = Turns(settings.agent.kernel_adds)
        self.boot_id = BOOT_ID.read_text(encoding="ascii").strip()
        self.late = Late(settings.state_dir / "late-status", self._publish)
        self._began = time.monotonic()

    @property
    def host_links(self) -> HostLinks:
        settings = self.settings
        return HostLinks(settings.host_links_dir, types=settings.host_links, warn=log.warn)

    def renew(self, settings: Settings) -> None:
        """Take over what may change while the agent runs; requests in work keep what they began with."""
        self.configurations = ConfigurationFiles(settings.conf_dir, self.primary)
        self.settings = settings

    def cluster(self, deadline: Deadline) -> Cluster:
        if self.kube is not None:
            return PatientCluster(self.kube.request(deadline), self._publish, self.late, deadline)
        assert self.settings.folder is not None
        return FolderCluster(self.settings.folder)

    def _publish(self, pod: Pod, status: Sequence[NetworkStatus], deadline: Deadline) -> None:
        assert self.kube is not None
        self.kube.request(deadline).publish(pod, status)

    def not_ready(self) -> str:
        """Why the runtime should wait, "" when it need not."""
        if time.monotonic() - self._began > SYNC_SECONDS or not self.not_in_sync():
            return ""
        return NOT_KNOWN

    def not_in_sync(self) -> str:
        """What is not known of the cluster, and why, however long that has been so; "" when all is."""
        caches = (self.kube.pods, self.kube.nads) if self.kube is not None else ()
        missing = [cache.reflector for cache in caches if not cache.reflector.in_sync]
        if not missing:
            return ""
        return ": ".join([NOT_KNOWN, *filter(None, [missing[0].problem])])

    def alone(self) -> Node:
        """The doors for work that no shim asked for: nothing can be run on the host then."""
        settings = self.settings
        registry = Registry(
            path=(settings.bin_dir,), environ={}, executables=settings.executables, runner=Nobody()
        )
        return Node(
            settings=settings,
            records=self.records,
            cluster=self.cluster(Deadline.never()),
            configurations=self.configurations,
            device_info=self.device_info,
            find_delegate=registry.find,
            open_scene=partial(open_scene, host_links=self.host_links),
            boot_id=self.boot_id,
        )
