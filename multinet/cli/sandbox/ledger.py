"""What is known of one node: its pods, each with the id, configuration and result that a runtime would keep.

<home>/<node>/
  node.json      how it was made, and the configuration of the latest ``up``
  pods/          <namespace>.<name>.json, written before anything of the pod is made
  cluster/       the pods and definitions, an object a file; network-status is written beside them
  net.d/         configurations that definitions leave to the node
  cni/           what plugins find as /var/lib/cni
  devinfo/       device-info files
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from multinet import files, plan
from multinet.cli.sandbox import netns
from multinet.errors import InvalidConfig, IOFailure, nearest
from multinet.folder.cluster import FolderCluster
from multinet.npwg.status import NetworkStatus
from multinet.state.attachments import Attachments

IFNAME = "eth0"
"""The interface that a runtime asks for."""


class Phase(StrEnum):
    """How far a node or a pod came."""

    BEGUN = "begun"
    """Something of it may be there."""
    UP = "up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """``config`` is the configuration list and ``cni_path`` the folders that the latest ``up`` gave the runtime."""

    name: str
    here: bool
    """Is it the namespace that the sandbox was called in?"""
    phase: Phase = Phase.BEGUN
    config: Mapping[str, Any] = field(default_factory=dict)
    cni_path: str = ""

    @property
    def netns(self) -> Path | None:
        """None for the namespace of the caller."""
        return None if self.here else netns.path(self.name)

    @property
    def lan(self) -> str:
        """The name of the namespace at the other end of its uplink."""
        return f"{self.name}.lan"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """What a runtime keeps of a pod sandbox."""

    node: str
    namespace: str
    name: str
    uid: str
    container_id: str
    phase: Phase = Phase.BEGUN
    config: Mapping[str, Any] = field(default_factory=dict)
    capability_args: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    """What ADD answered; empty until then."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def of_cluster(self) -> plan.Pod:
        """The same pod as the cluster knows it."""
        return plan.Pod(namespace=self.namespace, name=self.name, uid=self.uid)

    @property
    def netns_name(self) -> str:
        """No node and no namespace has a dot in its name, so no two pods have the same."""
        return f"{self.node}.{self.namespace}.{self.name}"

    @property
    def netns(self) -> Path:
        return netns.path(self.netns_name)


class Ledger:
    """The folder of one node."""

    def __init__(self, home: Path, node: str) -> None:
        self.node_name = node
        self.folder = home / node
        self.cluster = self.folder / "cluster"
        self.conf_dir = self.folder / "net.d"
        self.cni_state = self.folder / "cni"
        self.device_info = self.folder / "devinfo"
        self.spare = self.folder / "spare"
        self._pods = self.folder / "pods"
        self._node = self.folder / "node.json"

    @property
    def attachments(self) -> Attachments:
        """multinet's own records of this node."""
        return Attachments(self.cni_state / "multinet")

    def node(self) -> Node | None:
        found = _read(self._node)
        return Node(**{**found, "phase": Phase(found["phase"])}) if found else None

    def write_node(self, node: Node) -> None:
        try:
            for folder in (
                self._pods,
                self.cluster,
                self.conf_dir,
                self.cni_state,
                self.device_info,
                self.spare,
            ):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise netns.refused(f"could not make {self.folder}", error) from error
        _write(self._node, asdict(node))

    def remove(self) -> None:
        """The node and everything that was known of it."""
        try:
            shutil.rmtree(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise netns.refused(f"could not remove {self.folder}", error) from error

    def pods(self) -> list[Pod]:
        return [pod for file in sorted(self._pods.glob("*.json")) if (pod := _pod(file))]

    def find(self, namespace: str, name: str) -> Pod | None:
        return _pod(self._file(namespace, name))

    def pod(self, name: str) -> Pod:
        """The pod that ``name`` or ``namespace/name`` means. Raises InvalidConfig for none, or two."""
        pods = self.pods()
        meant = [pod for pod in pods if name in (str(pod), pod.name)]
        if not meant:
            known = [form for pod in pods for form in (pod.name, str(pod))]
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else f"there are {', '.join(map(str, pods)) or 'none'}"
            raise InvalidConfig(f"node {self.node_name} has no pod {name}", hint=hint)
        if len(meant) > 1:
            raise InvalidConfig(
                f"{name} may be {' or '.join(map(str, meant))}", hint="write the namespace too"
            )
        return meant[0]

    def published(self, pod: Pod) -> tuple[NetworkStatus, ...]:
        """The annotation network-status that multinet wrote for the pod; () when it wrote none."""
        return FolderCluster(self.cluster).published(pod.of_cluster)

    def write_pod(self, pod: Pod) -> None:
        _write(self._file(pod.namespace, pod.name), asdict(pod))

    def forget_pod(self, pod: Pod) -> None:
        file = self._file(pod.namespace, pod.name)
        files.remove(file)
        files.remove(files.temporary(file))

    def _file(self, namespace: str, name: str) -> Path:
        return self._pods / f"{namespace}.{name}.json"


def _pod(file: Path) -> Pod | None:
    found = _read(file)
    return Pod(**{**found, "phase": Phase(found["phase"])}) if found else None


def _read(file: Path) -> dict[str, Any]:
    """Empty when the file is not there."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise netns.refused(f"could not read {file}", error) from error
    except ValueError as error:
        raise IOFailure(f"{file} is damaged: {error}", hint="remove it") from error
    return dict(found)


def _write(file: Path, document: Mapping[str, Any]) -> None:
    files.write_atomic(file, json.dumps(document, indent=2).encode())
