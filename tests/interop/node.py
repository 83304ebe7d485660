"""Two runtimes: libcni by its own tool, and ours with a folder for a cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multinet.__main__ import serve
from multinet.errors import PluginFailed
from tests.support.netns import Netns
from tests.support.plugins import PROGRAMS, within

NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cnitool:
    """libcni keeps its cache below /var/lib/cni, whoever calls it; here that is a folder of the test's own."""

    host: Netns
    program: Path
    folder: Path
    path: str

    def __call__(
        self, verb: str, network: Mapping[str, Any], pod: Netns, ifname: str = "eth0", **env: str
    ) -> dict[str, Any]:
        """The result, {} where there is none. AssertionError with what was said where it fails."""
        configurations, cache = self.folder / "net.d", self.folder / "cache"
        for one in (configurations, cache):
            one.mkdir(parents=True, exist_ok=True)
        (configurations / "net.conflist").write_text(json.dumps(network))
        given = {
            "PATH": PROGRAMS, "NETCONFPATH": str(configurations), "CNI_PATH": self.path, "CNI_IFNAME": ifname, **env,
        }  # fmt: skip
        own_cache = (
            "mount -t tmpfs none /var/lib; mkdir /var/lib/cni; "
            'mount --bind "$1" /var/lib/cni; shift; exec "$@"'
        )
        wanted = self.host.command(self.program, verb, str(network["name"]), pod.path)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-euc", own_cache, "sh", str(cache), *wanted],
            env=given,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def cached(self) -> list[str]:
        return sorted(file.name for file in (self.folder / "cache").glob("results/*"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node that multinet serves: ``executables`` are the types for which it takes the programs in ``bin_dir``."""

    host: Netns
    folder: Path
    bin_dir: Path
    executables: tuple[str, ...] = ("tuning", "sbr")
    """Unless told otherwise, the reference's own chained plugins, where we have them too."""

    def define(self, name: str, *plugins: Mapping[str, Any], version: str = "1.1.0") -> None:
        """A NetworkAttachmentDefinition with these plugins in its list."""
        config = json.dumps({"cniVersion": version, "plugins": plugins})
        self._write(
            name,
            {
                "apiVersion": "k8s.cni.cncf.io/v1",
                "kind": "NetworkAttachmentDefinition",
                "metadata": {"name": name},
                "spec": {"config": config},
            },
        )

    def pod(self, *selections: Mapping[str, Any]) -> None:
        """What the pod's annotation asks for."""
        metadata = {"name": "cart", "annotations": {NETWORKS: json.dumps(selections)}}
        self._write("pod", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata})

    def call(
        self, verb: str, pod: Netns, first: Mapping[str, Any], *, container: str = "c1", **more: Any
    ) -> dict[str, Any]:
        """One request to the meta plugin. Raises PluginFailed with what it answered."""
        conf = {
            "cniVersion": "1.1.0",
            "name": "cluster",
            "type": "multinet",
            "folder": str(self.folder / "cluster"),
            "stateDir": str(self.folder / "state"),
            "deviceInfoDir": str(self.folder / "devices"),
            "allowedPaths": [str(self.folder.parent)],
            "binDir": str(self.bin_dir),
            "executables": self.executables,
            "delegates": [first],
            **more,
        }
        env = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(self.bin_dir),
            "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart",
            "PATH": PROGRAMS,
        }
        done = within(self.host, lambda: serve(env, json.dumps(conf).encode()))
        said: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        if done.exit_code:
            raise PluginFailed(said["msg"], plugin_code=said["code"], details=said.get("details", ""))
        return said

    def records(self) -> list[str]:
        return sorted(file.name for file in (self.folder / "state" / "sandboxes").glob("*"))

    def _write(self, name: str, manifest: Mapping[str, Any]) -> None:
        file = self.folder / "cluster" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(manifest))
