"""A node of a flannel network: its agent, its pods, and its flanneld when that is started."""

from __future__ import annotations

import itertools
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults import facts
from tests.support.flannel import CARD, Fabric, stop
from tests.support.netns import Netns
from tests.support.node import NETWORKS, AgentNode, Said, Sandbox

LAN = {
    "cniVersion": "1.1.0",
    "type": "macvlan",
    "master": CARD,
    "capabilities": {"ips": True},
    "ipam": {"type": "static"},
}

_numbers = itertools.count(1)


class FlannelNode:
    """As flannel's manifest sets one up, but for the files, which are all in the node's folder. The agent is where
    the host's network is; a folder stands for the cluster, with the definition ``lan`` in it."""

    def __init__(self, *, folder: Path, host: Netns, fabric: Fabric, shim: Path, bin_dir: Path) -> None:
        self.folder = folder
        self.host = host
        self.fabric = fabric
        self.address = fabric.plug(host)
        (folder / "cluster").mkdir(parents=True)
        self._write("lan", "NetworkAttachmentDefinition", spec={"config": json.dumps(LAN)})
        self.agent = AgentNode(
            folder=folder,
            host=host,
            bin_dir=bin_dir,
            shim=shim,
            settings={"folder": str(folder / "cluster")},
            wrapper=host.command(),
        )
        (self.agent.conf_dir / "10-flannel.conflist").write_text(json.dumps(self.conflist))
        self.daemon: subprocess.Popen[bytes] | None = None
        self._open = ExitStack()

    @property
    def conflist(self) -> dict[str, Any]:
        plugin = {
            "type": "flannel",
            "delegate": {"hairpinMode": True, "isDefaultGateway": True},
            "subnetFile": str(self.folder / "subnet.env"),
            "dataDir": str(self.kept),
            "ipam": {"dataDir": str(self.agent.ipam)},
        }
        return {"name": "cbr0", "cniVersion": "1.1.0", "plugins": [plugin]}

    @property
    def kept(self) -> Path:
        return self.folder / "flannel"

    def __enter__(self) -> Self:
        self._open.enter_context(self.agent)
        self.agent.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def flanneld(self, prefix: str) -> None:
        self.daemon = self.fabric.flanneld(self.host, self.folder, prefix)

    def stop_flanneld(self) -> None:
        assert self.daemon is not None
        stop(self.daemon)

    def status(self) -> Said:
        return self.agent.call("STATUS")

    def pod(self, netns: Netns, lan: str) -> Sandbox:
        """A container of a new pod, which wants that address of ``lan``."""
        name = f"pod-{next(_numbers)}"
        pod = self._write(
            name,
            "Pod",
            uid=f"uid-{name}",
            annotations={NETWORKS: json.dumps([{"name": "lan", "ips": [lan]}])},
        )
        return Sandbox(id=f"sandbox-{name}", netns=netns.path, pod=pod)

    def left(self) -> set[str]:
        """All that pods may leave on a node."""
        kept = {f"configuration {file.name}" for file in self.kept.glob("*")}
        return facts.of_host(self.host) | kept | {*self.agent.addresses(), *self.agent.records()}

    def _write(self, name: str, kind: str, spec: Any = None, **metadata: Any) -> dict[str, Any]:
        found = {
            "apiVersion": "v1" if kind == "Pod" else "k8s.cni.cncf.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "default", **metadata},
            **({"spec": spec} if spec else {}),
        }
        (self.folder / "cluster" / f"{name}.json").write_text(json.dumps(found))
        return found
