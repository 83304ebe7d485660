"""The driver `kind`: nodes are containers of Docker. For machines that reach a registry with kind's node image."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from e2e.cluster.api import Api
from e2e.cluster.driver import Lifetime, run
from tests.support.places import path_of
from tests.support.wait import until

WORKERS: Final = 2
CREATE_SECONDS: Final = 600.0
"""With the pull of its image, which has a gigabyte."""
SECONDS: Final = 180.0

MANIFEST: Final = "kube-apiserver.yaml"
KUBERNETES: Final = "/etc/kubernetes"


def configuration(taints: Sequence[Mapping[str, str]], *, only_ipv6: bool = False) -> dict[str, Any]:
    """A cluster whose workers are made with these taints."""
    join = {"kind": "JoinConfiguration", "nodeRegistration": {"taints": [dict(one) for one in taints]}}
    worker = {"role": "worker", "kubeadmConfigPatches": [json.dumps(join)]}
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        **({"networking": {"ipFamily": "ipv6"}} if only_ipv6 else {}),
        "nodes": [{"role": "control-plane"}, *[worker] * WORKERS],
    }


class Kind(Lifetime):
    uplink = "eth0"
    static_pods = f"{KUBERNETES}/manifests"

    def __init__(self, *, taints: Sequence[Mapping[str, str]] = (), only_ipv6: bool = False) -> None:
        super().__init__()
        self.name = f"multinet-e2e-{os.getpid()}{'-six' if only_ipv6 else ''}"
        self._configuration = configuration(taints, only_ipv6=only_ipv6)
        self._all: list[str] = []

    @property
    def nodes(self) -> Sequence[str]:
        return tuple(name for name in self._all if name != self._control_plane)

    @property
    def _control_plane(self) -> str:
        """As kind names it."""
        return f"{self.name}-control-plane"

    def pod_subnets(self, node: str) -> Sequence[str]:
        subnets: list[str] = self.api.ask("GET", path_of("v1", "Node", node))["spec"]["podCIDRs"]
        return subnets

    def _start(self) -> None:
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix=self.name)))
        kubeconfig, config = folder / "kubeconfig", folder / "config.json"
        config.write_text(json.dumps(self._configuration))
        self._open.callback(self._kind, "delete", "cluster", "--kubeconfig", str(kubeconfig))
        self._kind(
            *("create", "cluster", "--config", str(config), "--kubeconfig", str(kubeconfig), "--wait", "5m"),
            seconds=CREATE_SECONDS,
        )
        self._open.callback(self._all.clear)
        self._all += sorted(self._kind("get", "nodes").stdout.split())
        self._api = Api(kubeconfig)
        self._open.callback(self._api.close)

    def load(self, archive: Path) -> None:
        self._kind("load", "image-archive", str(archive))

    def shell(
        self, node: str, *argv: str, input: str | None = None, check: bool = True, seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        return run(["docker", "exec", "-i", node, *argv], input=input, check=check, seconds=seconds)

    def folder(self, node: str, path: str) -> None:
        """Only root could."""

    def start_api_server(self) -> None:
        self._move(KUBERNETES, self.static_pods)
        until(self._api.ready, seconds=SECONDS, what="the API server to answer")

    def stop_api_server(self) -> None:
        """It is a static pod: without its file the kubelet ends it."""
        self._move(self.static_pods, KUBERNETES)
        until(lambda: not self._api.ready(), seconds=SECONDS, what="the API server to end")

    def _move(self, here: str, there: str) -> None:
        script = f"test ! -e {here}/{MANIFEST} || mv {here}/{MANIFEST} {there}/{MANIFEST}"
        self.shell(self._control_plane, "sh", "-c", script)

    def reboot(self, node: str) -> None:
        run(["docker", "restart", node], seconds=SECONDS)

    def _kind(self, *argv: str, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
        return run(["kind", *argv, "--name", self.name], seconds=seconds)
