"""A node with multinet on it: a namespace to be the host, a folder to be the cluster, and a runtime's calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multinet.__main__ import serve
from tests.faults import facts
from tests.support.netns import Netns
from tests.support.plugins import within

NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"
RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName"
DEFAULT_NETWORK = "v1.multus-cni.io/default-network"


def host_local(*subnets: str, **more: Any) -> dict[str, Any]:
    ranges = [[{"subnet": subnet}] for subnet in subnets]
    return {"type": "host-local", "ranges": ranges, "dataDir": "$FOLDER/addresses", **more}


CLUSTER = {
    "cniVersion": "1.1.0",
    "name": "cluster",
    "type": "bridge",
    "bridge": "br0",
    "isDefaultGateway": True,
    "ipam": host_local("10.80.0.0/24"),
}


@dataclass(kw_only=True)
class Node:
    host: Netns
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=lambda: dict(CLUSTER))

    def define(self, name: str, *, resource: str = "", **conf: Any) -> None:
        """Write a NetworkAttachmentDefinition of ``[namespace/]name``; a ``cniVersion`` and the like may be in it.

        ``resource``: whose devices serve it.
        """
        namespace, _, short = name.rpartition("/")
        config = self._placed({"cniVersion": "1.1.0", **conf})
        self._write(
            f"net-{namespace}-{short}.json",
            {
                "apiVersion": "k8s.cni.cncf.io/v1",
                "kind": "NetworkAttachmentDefinition",
                "metadata": {
                    "name": short,
                    "namespace": namespace or "default",
                    "annotations": {RESOURCE_NAME: resource} if resource else {},
                },
                "spec": {"config": json.dumps(config)},
            },
        )

    def undefine(self, name: str) -> None:
        namespace, _, short = name.rpartition("/")
        (self.folder / "cluster" / f"net-{namespace}-{short}.json").unlink()

    def pod(self, name: str, networks: Any = "", namespace: str = "default", **annotations: str) -> None:
        """Write a pod's manifest. ``networks`` is the annotation: its text, or the list that it holds."""
        if networks:
            text = networks if isinstance(networks, str) else json.dumps(networks)
            annotations[NETWORKS] = text
        self._write(
            f"pod-{namespace}-{name}.json",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
            },
        )

    def ask(self, command: str, sandbox: Netns | str = "", **told: Any) -> tuple[int, bytes]:
        """What the runtime gets: exit status and stdout. ``told``: pod, container, ifname, version, conf."""
        namespace, pod = told.get("namespace", "default"), told.get("pod", "cart")
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": told.get("container", "c1"),
            "CNI_NETNS": sandbox if isinstance(sandbox, str) else sandbox.path,
            "CNI_IFNAME": told.get("ifname", "eth0"),
            "CNI_PATH": str(self.folder / "bin"),
            "CNI_ARGS": f"K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={pod}",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        conf = self.conf(cniVersion=told.get("version", "1.1.0"), **told.get("conf", {}))
        done = within(self.host, lambda: serve(env, json.dumps(conf).encode()))
        return done.exit_code, done.stdout

    def conf(self, **more: Any) -> dict[str, Any]:
        """The configuration that the runtime has of us."""
        return self._placed(
            {
                "cniVersion": "1.1.0",
                "name": "multinet",
                "type": "multinet",
                "folder": "$FOLDER/cluster",
                "confDir": "$FOLDER/net.d",
                "stateDir": "$FOLDER/state",
                "multusDir": "$FOLDER/multus",
                "runtimeCacheDir": "$FOLDER/libcni",
                "deviceInfoDir": "$FOLDER/devices",
                "allowedPaths": ["$FOLDER"],
                "logLevel": "error",
                "delegates": [self.cluster],
                **self.settings,
                **more,
            }
        )

    def add(self, sandbox: Netns, **told: Any) -> dict[str, Any]:
        code, said = self.ask("ADD", sandbox, **told)
        assert code == 0, said.decode()
        answer: dict[str, Any] = json.loads(said)
        return answer

    def do(self, command: str, sandbox: Netns | str = "", **told: Any) -> None:
        """Any verb that succeeds without a word."""
        code, said = self.ask(command, sandbox, **told)
        assert (code, said) == (0, b""), said.decode()

    def refusal(self, command: str, sandbox: Netns | str = "", **told: Any) -> dict[str, Any]:
        """The error of a verb that fails."""
        code, said = self.ask(command, sandbox, **told)
        assert code == 1, said.decode()
        error: dict[str, Any] = json.loads(said.decode().replace(str(self.folder), "$FOLDER"))
        return error

    def gc(self, *valid: tuple[str, str], **told: Any) -> None:
        listed = [{"containerID": container, "ifname": ifname} for container, ifname in valid]
        self.do("GC", conf={"cni.dev/valid-attachments": listed, **told.pop("conf", {})}, **told)

    def status(self, pod: str = "cart", namespace: str = "default") -> list[dict[str, Any]]:
        """The pod's network-status."""
        document = json.loads((self.folder / "cluster" / f"{namespace}.{pod}.status.json").read_bytes())
        entries: list[dict[str, Any]] = json.loads(document["metadata"]["annotations"][STATUS])
        return entries

    def addresses(self, network: str = "cluster") -> dict[str, str]:
        """host-local's reservations: address -> container id and interface."""
        folder = self.folder / "addresses" / network
        if not folder.exists():
            return {}
        return {
            file.name: " ".join(file.read_text().split())
            for file in sorted(folder.iterdir())
            if file.name != "lock" and not file.name.startswith("last_reserved")
        }

    def rewrite_record(self, old: str, new: str, *, after: str = "", container: str = "c1") -> None:
        """As somebody else would have written it, soundly: another text, and no checksum of what it was before."""
        file = self.folder / "state" / "sandboxes" / f"{container}@eth0.json"
        said = {key: value for key, value in json.loads(file.read_text()).items() if key != "crc32"}
        text = json.dumps(said)
        at = text.index(after)
        assert old in text[at:]
        file.write_text(text[:at] + text[at:].replace(old, new))

    def records(self) -> list[str]:
        folder = self.folder / "state" / "sandboxes"
        return sorted(file.name for file in folder.iterdir()) if folder.exists() else []

    def left(self) -> set[str]:
        """What is on the host now: links, addresses, routes, rules, reservations, records."""
        held = {
            f"reserved {network.name} {name}"
            for network in self._data()
            for name in self.addresses(network.name)
        }
        return facts.of_host(self.host) | held | {f"record {name}" for name in self.records()}

    def _data(self) -> list[Path]:
        folder = self.folder / "addresses"
        return sorted(folder.iterdir()) if folder.exists() else []

    def _placed(self, conf: Mapping[str, Any]) -> dict[str, Any]:
        placed: dict[str, Any] = json.loads(json.dumps(conf).replace("$FOLDER", str(self.folder)))
        return placed

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        (self.folder / "cluster").mkdir(exist_ok=True)
        (self.folder / "cluster" / name).write_text(json.dumps(document))
