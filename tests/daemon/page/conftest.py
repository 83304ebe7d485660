"""shop     a node with the status page, on which the pods of a small shop have their networks
browser  a real browser that stands on that node
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.config import Settings
from multinet.daemon.history import History
from multinet.daemon.metrics import Metrics
from multinet.daemon.page.sources import Sources
from multinet.daemon.primary import Primary
from tests.cli.settings_of_a_node import NodeFiles
from tests.support.browser import Browser
from tests.support.netns import Netns
from tests.support.node import NETWORKS, AgentNode, Sandbox

PORT = 9098
ADDRESS = f"127.0.0.1:{PORT}"
NAMESPACE = "shop"
ANNOTATION = "<script>document.title='owned'</script>"
"""What the owner of a pod may write where the name of a network is expected; the agent's sentence quotes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """The cluster is a folder, so that the agent stands where its networks are made."""

    node: AgentNode
    cluster: Path
    netns: Callable[..., Netns]

    def define(self, name: str, **conf: Any) -> None:
        config = json.dumps({"cniVersion": "1.1.0", **conf})
        self._write("NetworkAttachmentDefinition", name, {"spec": {"config": config}}, "k8s.cni.cncf.io/v1")

    def pod(self, name: str, networks: str = "") -> Sandbox:
        metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-of-{name}"}
        if networks:
            metadata["annotations"] = {NETWORKS: networks}  # type: ignore[assignment]
        pod = self._write("Pod", name, {"spec": {}}, "v1", metadata)
        return Sandbox(id=f"{name}-4f1c09a1be76", netns=self.netns(name).path, pod=pod)

    def add(self, name: str, networks: str = "") -> Sandbox:
        one = self.pod(name, networks)
        self.node.call("ADD", one).ok()
        return one

    def _write(
        self, kind: str, name: str, more: dict[str, Any], version: str, metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        metadata = metadata or {"name": name, "namespace": NAMESPACE}
        document = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
        (self.cluster / f"{kind}.{name}.yaml").write_text(yaml.safe_dump(document))
        return document


@pytest.fixture
def shop(tmp_path: Path, host: Netns, shim: Path, peers: Path, netns: Callable[..., Netns]) -> Iterator[Shop]:
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    host.ip("link", "add", "trunk0", "type", "veth", "peer", "name", "switch0")
    for end in ("trunk0", "switch0"):
        host.ip("link", "set", end, "up")
    node = AgentNode(
        folder=tmp_path,
        host=host,
        bin_dir=peers,
        shim=shim,
        name="node-1",
        settings={"folder": str(cluster)},
        agent={"statusPage": ADDRESS},
        wrapper=host.command(),
    )
    node.primary()
    with node.start():
        made = Shop(node=node, cluster=cluster, netns=netns)
        made.define("storage", type="bridge", bridge="br-storage", ipam=node.host_local("10.10.0.0/24"))
        made.define("lan", type="macvlan", master="trunk0", ipam=node.host_local("192.0.2.0/28"))
        made.define("nobody", type="bridge", bridge="br-nobody")
        yield made


@pytest.fixture
def browser(tmp_path: Path, host: Netns) -> Iterator[Browser]:
    with Browser(tmp_path, host) as made:
        yield made


Open = Callable[..., Any]


def sources_of(
    folder: Path,
    *,
    checks: Mapping[str, Callable[[], str]] | None = None,
    definitions: Sequence[str] = (),
    name: str = "node-1",
) -> Sources:
    """An agent that has done nothing yet, over what ``NodeFiles`` has written to the folder."""
    node = NodeFiles(folder=folder)
    if not node.config.exists():
        node.write()
    settings = Settings.load(node.config)
    return Sources(
        node=name,
        state_dir=settings.state_dir,
        checks=checks or {},
        began=time.monotonic(),
        primary=Primary(settings),
        definitions=lambda: definitions,
        metrics=Metrics(),
        history=History(256),
    )
