"""What an ADD would have around it, as far as it can be known here: settings, configurations, delegates, devices.

On a node (there are settings of an agent, or ``--config`` names some) all of that is there. Elsewhere the settings
are those of the cluster's ConfigMap, or the defaults; what only a node has is ``Unknown``, which is no mistake of
anybody's: the question is left open.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from multinet.cli import clusters
from multinet.cli.sources import Choice, Cluster
from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.daemon import confsearch
from multinet.daemon.primary import place_of
from multinet.deadline import Deadline
from multinet.delegate.invoke import Find
from multinet.delegate.registry import Registry
from multinet.errors import MultinetError, NotAvailable
from multinet.folder.configurations import ConfigurationFiles
from multinet.plan import Pod
from multinet.resolve.defaults import Configurations
from multinet.resolve.devices import Allocated

if TYPE_CHECKING:
    from multinet.kube.client import Api

ANSWER_SECONDS: Final = 20.0
SANDBOX_SETTINGS: Final = "multinet.conf"
SANDBOX_CONFIGURATIONS: Final = "net.d"
"""In a folder of manifests, as ``multinet sandbox`` reads them."""


_AMOUNT: Final = re.compile("[0-9]{1,4}")
"""Of devices: whole ones, and no node has thousands."""


class Unknown(MultinetError):
    """Only a node knows it."""


Devices = Callable[[Pod], Allocated]


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    settings: Settings
    told: str
    """Where the settings are from."""
    on_a_node: bool
    configurations: Configurations
    find_delegate: Find
    devices: Devices | None = None
    """What was allocated to a pod, where that can be asked."""
    node: str = ""
    """Which node this is; "" where it is none."""

    def of_another_node(self) -> Surroundings:
        """What is known here of a pod that runs elsewhere."""
        return Surroundings(
            settings=self.settings,
            told=self.told,
            on_a_node=False,
            configurations=Elsewhere(),
            find_delegate=_registry(self.settings, AnyProgram()).find,
        )


def look(source: Choice, cluster: Cluster) -> Surroundings:
    """Raises MultinetError for settings that can't be used."""
    if (settings := source.settings) is not None:
        return Surroundings(
            settings=settings,
            told=str(source.config or "the settings of this node"),
            on_a_node=True,
            configurations=ConfigurationFiles(settings.conf_dir, PrimaryNow(settings)),
            find_delegate=_registry(settings, None).find,
            devices=_devices(settings, cluster),
            node=settings.agent.node_name or os.uname().nodename,
        )
    settings, told = _elsewhere(cluster)
    configurations: Configurations = Elsewhere()
    if isinstance(cluster, clusters.Folder) and (cluster.folder / SANDBOX_CONFIGURATIONS).is_dir():
        configurations = ConfigurationFiles(cluster.folder / SANDBOX_CONFIGURATIONS, Elsewhere())
    return Surroundings(
        settings=settings,
        told=told,
        on_a_node=False,
        configurations=configurations,
        find_delegate=_registry(settings, AnyProgram()).find,
    )


@dataclass(frozen=True, slots=True)
class PrimaryNow:
    """The cluster's own network, looked for once. Implements ``configurations.Primary``."""

    _settings: Settings

    def current(self) -> NetConfList:
        place = place_of(self._settings)
        names = confsearch.look(place.folder, also=place.pinned).names()
        choice = confsearch.choose(
            place.folder, names, pinned=place.pinned, own=self._settings.agent.conflist_name
        )
        if choice.conflist is None:
            raise NotAvailable(choice.problem, hint="the agent waits for it, and writes its own file after")
        return choice.conflist


class Elsewhere:
    """Configurations in files of a node that this is not. Implements ``Configurations`` and ``Primary``."""

    @property
    def folder(self) -> Mapping[str, bytes]:
        return NoFolder()

    def at(self, path: str) -> NetConfList:
        raise Unknown(f"the configuration is in {path} of the node")

    def primary(self) -> NetConfList:
        return self.current()

    def current(self) -> NetConfList:
        raise Unknown("each node finds the cluster's own network itself")


class NoFolder(Mapping[str, bytes]):
    """A folder that can't be looked into."""

    def __getitem__(self, path: str) -> bytes:
        raise self._unknown()

    def __iter__(self) -> Iterator[str]:
        raise self._unknown()

    def __len__(self) -> int:
        raise self._unknown()

    @staticmethod
    def _unknown() -> Unknown:
        return Unknown("the configuration is in a file of the node")


class AnyProgram:
    """Where no programs are run, each may be there. Implements ``executable.Runner``."""

    def find(self, type_: str, path: Sequence[str]) -> Path:
        return Path(type_)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        raise AssertionError("only configurations are read here")


@dataclass(frozen=True, slots=True)
class Requested:
    """Devices that a manifest's containers ask for, while nobody has allocated any."""

    spec: Mapping[str, Any]

    def allocated(self) -> Allocated:
        """A made-up device for each that is asked for. None stands for "may come by a claim"."""
        counted: dict[str, int] = {}
        for container in (*_listed(self.spec, "initContainers"), *_listed(self.spec, "containers")):
            resources = mapping(container.get("resources"))
            said = {**mapping(resources.get("requests")), **mapping(resources.get("limits"))}
            for name, number in said.items():
                if "/" in str(name) and _AMOUNT.fullmatch(str(number)):
                    counted[name] = counted.get(name, 0) + int(number)
        made = map(_device, count())
        found = {name: tuple(islice(made, number)) for name, number in counted.items()}
        return ByClaim(found) if self.spec.get("resourceClaims") else found


class ByClaim(dict[str, Sequence[str] | None]):
    """What a claim brings is not in the manifest."""

    def get(self, key: str, default: Any = None) -> Any:
        return dict.get(self, key, None)


def mapping(value: object) -> Mapping[str, Any]:
    """Manifests are anybody's: what is no object is as good as an empty one."""
    return value if isinstance(value, Mapping) else {}


def _listed(spec: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    found = spec.get(key)
    yield from (one for one in (found if isinstance(found, list) else ()) if isinstance(one, Mapping))


def _device(number: int) -> str:
    """Looks like a PCI address, as most are, and is none that a machine has."""
    return f"ffff:{number // 8 % 256:02x}:00.{number % 8}"


def _registry(settings: Settings, runner: AnyProgram | None) -> Registry:
    return Registry(
        path=(settings.bin_dir,), environ=os.environ, executables=settings.executables, runner=runner
    )


def _elsewhere(cluster: Cluster) -> tuple[Settings, str]:
    if isinstance(cluster, clusters.Live):
        found = cluster.settings()
        if found is not None:
            return found, "the ConfigMap kube-system/multinet"
    elif isinstance(cluster, clusters.Folder):
        file = cluster.folder / SANDBOX_SETTINGS
        if file.is_file():
            from multinet.cli.sandbox import settings

            (plugin,) = settings.read(file)["plugins"]
            return Settings.parse(plugin, primary_is_found=True), str(file)
    return Settings(), "the defaults: no settings were found"


def _devices(settings: Settings, cluster: Cluster) -> Devices | None:
    if not isinstance(cluster, clusters.Live):
        return None
    from multinet.kube.devices import DeviceSource

    agent = settings.agent
    api: Api = cluster.api
    source = DeviceSource(
        api,
        node_name=agent.node_name,
        socket=agent.pod_resources_socket,
        checkpoint=agent.kubelet_checkpoint,
    )
    return lambda pod: source.allocated(pod, Deadline(ANSWER_SECONDS))
