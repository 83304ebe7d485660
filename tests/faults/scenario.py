"""A pod whose ADD and DEL are killed at every step, and the world that it is made in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import facts, mortal
from tests.support.netns import Netns

NETWORKS = "k8s.v1.cni.cncf.io/networks"
CONTAINER = "c0ffee" * 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A pod: its first network, its further ones, and what its annotation says beside their names.

    ``DATA`` in a network stands for the world's folder for plugins' files.
    """

    first: dict[str, Any]
    further: dict[str, dict[str, Any]] = field(default_factory=dict)
    selections: list[dict[str, Any]] = field(default_factory=list)
    runtime: dict[str, Any] = field(default_factory=dict)
    """What the container runtime says to the first network (``runtimeConfig``)."""
    prepare: Callable[[World], object] = lambda world: None
    """What has to be there besides: a file of the node's, a server."""
    needs: str = ""
    """The marker of the kernel it needs ("uml"), where the least of our machines' will not do."""

    @property
    def types(self) -> set[str]:
        """The CNI types that take part."""
        return set().union(*map(types_in, (self.first, *self.further.values())))


def types_in(network: Mapping[str, Any]) -> Iterator[str]:
    for plugin in network.get("plugins", [network]):
        yield plugin["type"]
        if "type" in plugin.get("ipam", {}):
            yield plugin["ipam"]["type"]


def host_local(subnet: str, **more: Any) -> dict[str, Any]:
    return {"type": "host-local", "ranges": [[{"subnet": subnet}]], "dataDir": "DATA", **more}


DUAL = {
    "type": "host-local",
    "ranges": [[{"subnet": "10.91.0.0/24"}], [{"subnet": "fd91::/64"}]],
    "dataDir": "DATA",
}
PLAIN = {"type": "bridge", "bridge": "br0", "ipam": host_local("10.90.0.0/24")}
FIXED = {"type": "static", "addresses": [{"address": "10.90.0.7/24"}]}


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A node that has seen nothing: a namespace with the links up0 and up1, a folder for the cluster, one for
    state."""

    host: Netns
    pod: Netns
    folder: Path
    scenario: Scenario

    @property
    def data(self) -> Path:
        """What ``DATA`` stands for. What is in it beforehand doesn't count as left behind."""
        return self.folder / "ipam"

    def prepare(self) -> World:
        self.host.ip("link", "set", "lo", "up")
        self.host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        self.host.ip("link", "set", "up0", "up")
        self.host.ip("link", "set", "up1", "up")
        # ptp waits for duplicate address detection, a second or two each time, and it is not what is tested.
        self.pod.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
        (self.folder / "cluster").mkdir(parents=True)
        for name, conf in self.scenario.further.items():
            self._write_definition(name, conf)
        pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "cart"}}
        if self.scenario.selections:
            pod["metadata"]["annotations"] = {NETWORKS: json.dumps(self.scenario.selections)}
        (self.folder / "cluster" / "pod.json").write_text(json.dumps(pod))
        self.scenario.prepare(self)
        return self

    def _write_definition(self, name: str, conf: Mapping[str, Any]) -> None:
        text = json.dumps({"cniVersion": "1.1.0", **conf}).replace("DATA", str(self.data))
        definition = {
            "apiVersion": "k8s.cni.cncf.io/v1",
            "kind": "NetworkAttachmentDefinition",
            "metadata": {"name": name},
            "spec": {"config": text},
        }
        (self.folder / "cluster" / f"{name}.json").write_text(json.dumps(definition))

    @property
    def stdin(self) -> bytes:
        first = json.dumps({"cniVersion": "1.1.0", "name": "first", **self.scenario.first})
        conf = {
            "cniVersion": "1.1.0",
            "name": "cluster",
            "type": "multinet",
            "folder": str(self.folder / "cluster"),
            "stateDir": str(self.folder / "state"),
            "deviceInfoDir": str(self.folder / "devices"),
            "allowedPaths": [str(self.folder)],
            "delegates": [json.loads(first.replace("DATA", str(self.data)))],
            "statusForAllPods": True,
        }
        if self.scenario.runtime:
            conf["runtimeConfig"] = self.scenario.runtime
        return json.dumps(conf).encode()

    def env(self, command: str) -> dict[str, str]:
        return {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": CONTAINER,
            "CNI_NETNS": self.pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/nonexistent",
            "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }

    def ask(self, command: str, die_at: int | None = None) -> list[str]:
        log = self.folder / f"{command}.steps"
        return mortal.request(self.host, self.env(command), self.stdin, log, die_at=die_at)[1]

    def left(self) -> set[str]:
        """What is there now: in the pod's own namespace too, which a runtime removes only after DEL."""
        return self.left_on_host() | {f"in the pod: {fact}" for fact in facts.of_container(self.pod)}

    def left_on_host(self) -> set[str]:
        folders = [self.folder / "state", self.data, self.folder / "devices"]
        found = facts.of_host(self.host) | facts.of_files(*folders)
        return {fact.replace(str(self.folder), "") for fact in found}
