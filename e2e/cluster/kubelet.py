"""What makes a node of a machine: containerd and a kubelet, the primary network, and their files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from e2e.cluster.addresses import Network
from e2e.cluster.machine import Machine
from tests.support import tree
from tests.support.debian import program
from tests.support.image import image
from tests.support.wait import until

PROGRAMS: Final = tree.ROOT / ".cache" / "cluster"
PLUGINS: Final = tree.ROOT / ".cache" / "peers"
PAUSE: Final = tree.ROOT / ".cache" / "c" / "pause"
PAUSE_IMAGE: Final = "localhost/pause:1"

PRIMARY_PLUGINS: Final = ("bridge", "host-local", "loopback", "portmap")
"""On the node from the start, as a distribution brings them."""

MOST_PODS: Final = 250
START_SECONDS = 30.0

SOCKET: Final = "/run/containerd/containerd.sock"
KUBELET_CONFIG: Final = "/var/lib/kubelet/config.json"
KUBECONFIG: Final = "/etc/kubernetes/kubelet.conf"
MANIFESTS: Final = "/etc/kubernetes/manifests"
CONTAINERD_CONFIG: Final = "/var/lib/containerd/config.toml"

CONTAINERD = """\
version = 2
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.restart",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE, runc could not set what a sandbox is given.
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "{snapshotter}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""
"""Debian's own, but for what this kind of machine does not let it do."""


def kubelet_configuration(machine: Machine, dns: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "staticPodPath": MANIFESTS,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{machine.cgroup}",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "clusterDNS": [dns],
        "resolvConf": "",
        "maxPods": MOST_PODS,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        # Only the run's own processes reach it.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        # The disk is somebody else's: nothing is to go because of how full that is.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }


@dataclass(kw_only=True)
class Node:
    """One of the cluster, on a machine that runs."""

    machine: Machine
    network: Network
    kubeconfig: str
    taints: Sequence[dict[str, str]] = ()

    @property
    def name(self) -> str:
        return self.machine.name

    def write_files(self) -> None:
        """Before its machine is started for the first time."""
        place = self.machine.place
        for name in PRIMARY_PLUGINS:
            (place("/opt/cni/bin")).mkdir(parents=True, exist_ok=True)
            shutil.copy2(PLUGINS / name, place("/opt/cni/bin") / name)
        self._write("/etc/cni/net.d/10-cluster.conflist", json.dumps(self.network.conflist(), indent=2))
        self._write(
            CONTAINERD_CONFIG,
            CONTAINERD.format(pause=PAUSE_IMAGE, snapshotter=snapshotter(self.machine.disk)),
        )
        configuration = {
            **kubelet_configuration(self.machine, self.network.dns),
            "registerWithTaints": list(self.taints),
        }
        self._write(KUBELET_CONFIG, json.dumps(configuration, indent=2))
        self._write(KUBECONFIG, self.kubeconfig)
        place(MANIFESTS).mkdir(exist_ok=True)

    def start(self) -> None:
        """containerd and the kubelet. Whether the API server knows of it is not waited for."""
        self.machine.begin("containerd", "containerd", "--config", CONTAINERD_CONFIG)
        until(self._containerd_serves, seconds=START_SECONDS, what=f"containerd on {self.name}")
        if not (self.machine.disk / "pause.tar").exists():
            pause = self.machine.disk / "pause.tar"
            pause.write_bytes(image(PAUSE_IMAGE, {"pause": PAUSE.read_bytes()}, ["/pause"]))
            self.load(pause)
        self.machine.begin(
            "kubelet",
            str(PROGRAMS / "kubelet"),
            f"--config={KUBELET_CONFIG}",
            f"--kubeconfig={KUBECONFIG}",
            f"--hostname-override={self.name}",
            f"--node-ip={','.join(self.network.addresses)}",
        )

    def _containerd_serves(self) -> bool:
        if not self.machine.running("containerd"):
            log = (self.machine.logs / "containerd.log").read_text(errors="replace")
            raise RuntimeError(f"containerd on {self.name} has ended: {log[-2000:]}")
        return self.machine.shell(*self._ctr("version"), check=False).returncode == 0

    def load(self, archive: Path) -> None:
        name = snapshotter(self.machine.disk)
        self.machine.shell(
            *self._ctr("--namespace", "k8s.io", "images", "import", "--snapshotter", name, str(archive)),
            seconds=120,
        )

    def _ctr(self, *argv: str) -> list[str]:
        return [str(program("containerd", "ctr")), "--address", SOCKET, *argv]

    def _write(self, path: str, text: str) -> None:
        file = self.machine.place(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def snapshotter(folder: Path) -> str:
    """Layers where they can be had; in a container, the folder is in a layer itself."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    above = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return "native" if max(above, key=lambda mount: len(mount[1]))[2] == "overlay" else "overlayfs"
