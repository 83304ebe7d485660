"""The doors of one request, with a note of each answer that comes through them.

A note is a reference to what is there anyway, so that a request that goes well pays next to nothing; a document is
made of them only for one that is to be kept.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from multinet.cni.netconf import NetConfList
from multinet.delegate.executable import Runner
from multinet.errors import MultinetError
from multinet.npwg.confdir import ConfDir
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from multinet.resolve.defaults import Configurations
from multinet.resolve.devices import Allocated
from multinet.verbs.node import Cluster

T = TypeVar("T")


class Raised(dict[str, Any]):
    """An error in place of an answer, as it was when it came: on its way out it is told where it happened."""

    def __init__(self, error: MultinetError) -> None:
        super().__init__(
            raised={
                "class": type(error).__name__,
                "code": error.cni_code,
                "message": error.sentence,
                "hint": error.hint,
                "details": error.details,
            }
        )


class Notes:
    """Each answer, or the error in its place."""

    def __init__(self) -> None:
        self.pod: Pod | Raised | None = None
        self.definitions: dict[str, NetworkAttachmentDefinition | Raised | None] = {}
        self.devices: Allocated | Raised | None = None
        self.primary: NetConfList | Raised | None = None
        self.files: dict[str, bytes] = {}
        """Of ``confDir``, by their path in it."""
        self.named: dict[str, NetConfList | Raised] = {}
        """Configurations by the path that the settings name."""
        self.programs: list[dict[str, Any]] = []
        self.published: Raised | None = None

    def conflists(self) -> Iterator[NetConfList]:
        """All that could be read."""
        for one in (self.primary, *self.named.values()):
            if isinstance(one, NetConfList):
                yield one


class NotedCluster:
    """``verbs.node.Cluster``."""

    def __init__(self, inner: Cluster, notes: Notes) -> None:
        self._inner = inner
        self._notes = notes

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        try:
            found = self._inner.pod(namespace, name, uid)
        except MultinetError as error:
            self._notes.pod = Raised(error)
            raise
        self._notes.pod = found
        return found

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        try:
            found = self._inner.definition(namespace, name)
        except MultinetError as error:
            self._notes.definitions[f"{namespace}/{name}"] = Raised(error)
            raise
        self._notes.definitions[f"{namespace}/{name}"] = found
        return found

    def devices(self, pod: Pod) -> Allocated:
        try:
            found = self._inner.devices(pod)
        except MultinetError as error:
            self._notes.devices = Raised(error)
            raise
        self._notes.devices = found
        return found

    def publish(self, pod: Pod, status: Sequence[NetworkStatus]) -> None:
        try:
            self._inner.publish(pod, status)
        except MultinetError as error:
            self._notes.published = Raised(error)
            raise


class NotedConfigurations:
    """``resolve.defaults.Configurations``."""

    def __init__(self, inner: Configurations, notes: Notes) -> None:
        self._inner = inner
        self._notes = notes

    @property
    def folder(self) -> ConfDir:
        return _NotedFiles(self._inner.folder, self._notes)

    def at(self, path: str) -> NetConfList:
        try:
            found = self._inner.at(path)
        except MultinetError as error:
            self._notes.named[path] = Raised(error)
            raise
        self._notes.named[path] = found
        return found

    def primary(self) -> NetConfList:
        try:
            found = self._inner.primary()
        except MultinetError as error:
            self._notes.primary = Raised(error)
            raise
        self._notes.primary = found
        return found


class _NotedFiles(Mapping[str, bytes]):
    def __init__(self, inner: ConfDir, notes: Notes) -> None:
        self._inner = inner
        self._notes = notes

    def __getitem__(self, path: str) -> bytes:
        content = self._inner[path]
        self._notes.files[path] = content
        return content

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


class NotedRunner:
    """``delegate.executable.Runner``: what programs of the host were asked and said."""

    def __init__(self, inner: Runner, notes: Notes) -> None:
        self._inner = inner
        self._notes = notes

    def find(self, type_: str, path: Sequence[str]) -> Path:
        try:
            found = self._inner.find(type_, path)
        except MultinetError as error:
            self._notes.programs.append({"type": type_, "error": Raised(error)})
            raise
        self._notes.programs.append({"type": type_, "file": str(found)})
        return found

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        said: dict[str, Any] = {
            "type": type_,
            "file": str(file),
            "verb": env["CNI_COMMAND"],
            "ifname": env.get("CNI_IFNAME", ""),
            "stdin": stdin,
        }
        self._notes.programs.append(said)
        try:
            done = self._inner.run(type_, file, env, stdin)
        except MultinetError as error:
            said["error"] = Raised(error)
            raise
        said |= {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        return done
