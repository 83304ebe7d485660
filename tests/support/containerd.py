"""A real containerd, with runc, that runs the sandboxes of pods; it takes its CNI configuration from a folder.

It knows nothing of pytest, so that whatever measures or demonstrates can start one too:

    with Containerd(folder, host=host, conf_dir=..., bin_dir=...) as runtime:
        one = runtime.run(pod)          as a kubelet does it

It has a PID and a mount namespace of its own: with its first process all of its shims and containers end, and
with them all mounts go, whatever has happened. Only control groups are outlived, and removed by name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.cri import Cri, CriError
from tests.support.debian import search_path
from tests.support.image import image
from tests.support.netns import Netns
from tests.support.wait import until

ROOT = Path(__file__).parents[2]
PAUSE = ROOT / ".cache" / "c" / "pause"
IMAGE: Final = "localhost/pause:1"
CGROUPS: Final = Path("/sys/fs/cgroup")
CGROUP: Final = "multinet-test"
"""``multinet-test-<pid of the run>-<folder>`` has all of one containerd's sandboxes."""

START_SECONDS = 30.0
"""It takes half a second."""

CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.restart",
  "io.containerd.internal.v1.tracing",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  disable_tcp_service = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  # Without CAP_SYS_RESOURCE, runc could not set what a sandbox is given.
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
  conf_dir = "{conf_dir}"
  bin_dir = "{bin_dir}"

[plugins."io.containerd.grpc.v1.cri".containerd]
  # Works on every file system.
  snapshotter = "native"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""

START = """\
set -e
mount --make-rshared /
mkdir -p /run/containerd /var/lib/cni
mount -t tmpfs -o mode=0755 containerd /run/containerd
mount --bind "$1" /var/lib/cni
shift
exec "$@"
"""
"""What it keeps in places that can't be configured is its own, too: the shims' sockets, and libcni's cache (the
first argument). Mounts are shared, as on a node, but with nobody outside."""


class Containerd:
    """``env`` is what its CNI plugins inherit beyond its own."""

    def __init__(
        self,
        folder: Path,
        *,
        host: Netns,
        conf_dir: Path,
        bin_dir: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.socket = folder / "cri.sock"
        self.libcni = folder / "libcni"
        self._host = host
        self._conf_dir = conf_dir
        self._bin_dir = bin_dir
        self._env = {**os.environ, "PATH": search_path("containerd", "runc"), **(env or {})}
        self.cgroup = f"{CGROUP}-{os.getpid()}-{sha256(str(folder).encode()).hexdigest()[:8]}"
        self._process: subprocess.Popen[bytes] | None = None
        self.cri = Cri(self.socket)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def log(self) -> str:
        return (self.folder / "containerd.log").read_text(errors="replace")

    # --- what a kubelet asks of it ---

    def run(self, pod: Mapping[str, Any], **more: Any) -> str:
        """Make the pod's sandbox, and return its id. ``more`` goes into the PodSandboxConfig. Raises CriError."""
        return self.cri.run(self.config(pod, **more))

    def config(self, pod: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """What a kubelet makes of the pod: annotations as they are, and where it knows the pod from."""
        metadata = pod["metadata"]
        name, namespace, uid = metadata["name"], metadata["namespace"], metadata["uid"]
        return {
            "metadata": {"name": name, "namespace": namespace, "uid": uid},
            "hostname": name,
            "log_directory": str(self.folder / "logs" / uid),
            "labels": {
                "io.kubernetes.pod.name": name,
                "io.kubernetes.pod.namespace": namespace,
                "io.kubernetes.pod.uid": uid,
            },
            "annotations": {"kubernetes.io/config.source": "api", **metadata.get("annotations", {})},
            **more,
            "linux": {"cgroup_parent": f"/{self.cgroup}", **more.get("linux", {})},
        }

    def address(self, sandbox: str) -> str:
        """The pod's address, as the runtime tells the kubelet."""
        return str(self.cri.sandbox(sandbox)["status"]["network"]["ip"])

    def netns(self, sandbox: str) -> Netns:
        """The sandbox's namespace, by a path that is good outside of the runtime's mounts."""
        info = json.loads(self.cri.sandbox(sandbox)["info"]["info"])
        namespaces = info["runtimeSpec"]["linux"]["namespaces"]
        path = next(one["path"] for one in namespaces if one["type"] == "network")
        return Netns(name=f"/proc/{self._first()}/root{path}")

    def network(self) -> str:
        """The name of the network that pods are given, "" when there is none."""
        networks = json.loads(self.cri.status()["info"]["cniconfig"]).get("Networks") or []
        return next((one["Config"]["Name"] for one in networks if one["IFName"] == "eth0"), "")

    def wait_network(self, name: str) -> None:
        """Return when new pods are given that network."""
        until(lambda: self.network() == name, seconds=START_SECONDS, what=f"containerd to use {name}")

    def import_image(self, archive: Path, name: str) -> None:
        """Return when containers can be made of it, under that name."""
        done = subprocess.run(
            [
                *("ctr", "--address", str(self.socket), "--namespace", "k8s.io"),
                *("images", "import", "--snapshotter", "native", str(archive)),
            ],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            env=self._env,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        until(
            lambda: self.cri.ask("ImageStatus", image={"image": name}).get("image"),
            what=f"CRI to know the image {name}",
        )

    # --- running it ---

    def _start(self) -> None:
        _remove_orphans()
        for folder in (self.folder, self.libcni, self._conf_dir):
            folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.toml"
        config.write_text(
            CONFIG.format(
                folder=self.folder,
                socket=self.socket,
                image=IMAGE,
                conf_dir=self._conf_dir,
                bin_dir=self._bin_dir,
            )
        )
        with (self.folder / "containerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *self._host.command("unshare", "--mount", "--propagation", "private"),
                    *("--pid", "--fork", "--kill-child", "--mount-proc"),
                    *("bash", "-c", START, "bash", str(self.libcni)),
                    *("containerd", "--config", str(config)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._env,
            )
        until(self._serves, seconds=START_SECONDS, what=f"containerd; its log: {self.folder}/containerd.log")
        self._import_pause()

    def _serves(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"containerd has ended: {self.log[-2000:]}"
        if not self.socket.exists():
            return False
        try:
            return self.cri.condition("RuntimeReady")[0]
        except CriError:
            return False

    def _import_pause(self) -> None:
        tar = self.folder / "pause.tar"
        tar.write_bytes(image(IMAGE, {"pause": PAUSE.read_bytes()}, ["/pause"]))
        self.import_image(tar, IMAGE)

    def _first(self) -> int:
        """The PID of containerd: the first in its namespace, and the only child of what made that. 0: no more."""
        assert self._process is not None
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text() or 0)

    def _stop(self) -> None:
        self.cri.close()
        if self._process is not None and self._process.poll() is None:
            # Its parent lives to bury it; if it has none of its own yet, that is killed and takes it along.
            with suppress(ProcessLookupError, FileNotFoundError):
                os.kill(self._first() or self._process.pid, signal.SIGKILL)
            self._process.wait(START_SECONDS)
        until(
            lambda: _remove_cgroups(self.cgroup),
            seconds=START_SECONDS,
            what=f"the control groups {self.cgroup} to end",
        )


def _remove_cgroups(name: str) -> bool:
    """In every hierarchy, with what is below. False while a process is in one of them."""
    for top in (*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")):
        for folder in sorted(top.glob("**/"), reverse=True):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
    return True


def _remove_orphans() -> None:
    """Those of runs that were killed, in which all has ended with them."""
    for top in (*CGROUPS.glob(f"{CGROUP}-*-*"), *CGROUPS.glob(f"*/{CGROUP}-*-*")):
        pid = top.name.removeprefix(f"{CGROUP}-").partition("-")[0]
        if not Path("/proc", pid).exists():
            _remove_cgroups(top.name)
