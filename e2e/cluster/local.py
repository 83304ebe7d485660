"""The driver `local`: a control plane and two nodes on this machine, in namespaces of the run that starts it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from e2e.cluster.addresses import DUAL_STACK, NODES, ONLY_IPV6
from e2e.cluster.api import Api
from e2e.cluster.driver import Lifetime, run
from e2e.cluster.kubelet import MANIFESTS, PROGRAMS, Node
from e2e.cluster.machine import Machine
from e2e.cluster.sweeper import KEPT, LOGS, Sweeper
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.wait import until

UPLINK: Final = "uplink"

START_SECONDS = 60.0
"""All of it takes about 20 s on two idle cores."""

API_FLAGS: Final = (
    "--enable-admission-plugins=NodeRestriction",
    "--kubelet-preferred-address-types=InternalIP",
)


class Local(Lifetime):
    """To be started by the main thread of a process that has a network and a mount namespace of its own."""

    uplink = UPLINK
    static_pods = MANIFESTS

    def __init__(self, *, taints: Sequence[dict[str, str]] = (), only_ipv6: bool = False) -> None:
        super().__init__()
        self._addresses = ONLY_IPV6 if only_ipv6 else DUAL_STACK
        self._taints = taints
        self._nodes: dict[str, Node] = {}
        self._controllers: list[subprocess.Popen[bytes]] = []

    @property
    def nodes(self) -> Sequence[str]:
        return tuple(self._nodes)

    def pod_subnets(self, node: str) -> Sequence[str]:
        return self._nodes[node].network.pods

    def _start(self) -> None:
        for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"):
            if not (PROGRAMS / program).exists():
                raise FileNotFoundError(f"{PROGRAMS / program} is not there: run `make e2e`")
        folder = Path(tempfile.mkdtemp(prefix="multinet-e2e-", dir="/var/tmp"))
        names = self._addresses.names
        cgroups = {name: f"multinet-e2e-{os.getpid()}-{name}" for name in names}
        self._open.enter_context(Sweeper(folder, [*cgroups.values()]))
        self._make_bridge()
        self._plane = ControlPlane(
            folder / "plane",
            address=self._addresses.api_server,
            port=443,
            services=self._addresses.services,
            users={f"system:node:{name}": ("system:nodes",) for name in names},
            flags=API_FLAGS,
        )
        self._logs = folder / LOGS / self._addresses.bridge
        self._logs.mkdir(parents=True)
        self._open.callback(self._keep_logs)
        self._open.enter_context(self._plane)
        self._api = Api(self._plane.kubeconfig(ADMIN))
        self._open.callback(self._api.close)
        self._open.callback(self._end_controllers)
        self._start_controllers()
        self._open.callback(self._nodes.clear)
        for number, name in zip(NODES, names, strict=True):
            machine = Machine(name=name, folder=folder / name, cgroup=cgroups[name], logs=self._logs / name)
            node = Node(
                machine=machine,
                network=self._addresses.network(number),
                kubeconfig=self._kubeconfig(f"system:node:{name}"),
                taints=self._taints,
            )
            self._nodes[name] = node
            self._open.callback(machine.stop)
            node.write_files()
            self._start_node(node)
        until(
            self._all_known, seconds=START_SECONDS, what=f"the nodes to be known; {KEPT} will have the logs"
        )

    # --- its parts ---

    def _make_bridge(self) -> None:
        bridge = self._addresses.bridge
        self._open.callback(run, ["ip", "link", "delete", bridge], check=False)
        run(["ip", "-batch", "-"], input="\n".join(self._addresses.at_the_bridge()))

    def _start_node(self, node: Node) -> None:
        node.machine.start()
        end = f"to-{node.name}"
        run(["ip", "link", "delete", end], check=False)  # the kernel is slow to remove it with its namespace
        # A machine has the same card after a reboot; the others would send to the old one for a while.
        peer = f"name {UPLINK} address {node.network.mac} netns {node.machine.pid}"
        run(f"ip link add {end} type veth peer {peer}".split())
        self._open.callback(run, ["ip", "link", "delete", end], check=False)
        run(["ip", "link", "set", end, "up", "master", self._addresses.bridge])
        number = NODES[self._addresses.names.index(node.name)]
        lines = self._addresses.at_a_node(number, UPLINK)
        node.machine.shell("ip", "-batch", "-", input="\n".join(lines))
        node.start()

    def _start_controllers(self) -> None:
        admin = self._plane.kubeconfig(ADMIN)
        key = self._plane.folder / "service-account.key"
        common = (
            f"--kubeconfig={admin}",
            "--leader-elect=false",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        self._begin(
            "kube-controller-manager",
            *common,
            f"--service-account-private-key-file={key}",
            f"--root-ca-file={self._plane.ca_file}",
            "--secure-port=0",
        )
        self._begin("kube-scheduler", *common, "--secure-port=0")

    def _begin(self, name: str, *flags: str) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            self._controllers.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", str(PROGRAMS / name), *flags],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._plane.folder,
                )
            )

    def _end_controllers(self) -> None:
        for process in self._controllers:
            process.kill()
            process.wait()
        self._controllers.clear()

    def _kubeconfig(self, user: str) -> str:
        """With the token in it, for who does not see our folders."""
        content = json.loads(self._plane.kubeconfig(user).read_text())
        cluster = content["clusters"][0]["cluster"]
        authority = Path(cluster.pop("certificate-authority"))
        kept: dict[str, Any] = {
            **content,
            "clusters": [
                {"name": "c", "cluster": {**cluster, "certificate-authority-data": _base64(authority)}}
            ],
            "users": [{"name": "u", "user": {"token": self._plane.token(user)}}],
        }
        return json.dumps(kept)

    def _all_known(self) -> bool:
        for node in self._nodes.values():
            if not node.machine.running("kubelet"):
                log = (node.machine.logs / "kubelet.log").read_text(errors="replace")
                raise RuntimeError(f"the kubelet of {node.name} has ended: {log[-3000:]}")
        found = {node["metadata"]["name"] for node in self._api.items("/api/v1/nodes")}
        return found >= set(self._nodes)

    def _keep_logs(self) -> None:
        """Those of etcd and the API server."""
        for name in ("etcd", "kube-apiserver"):
            with suppress(FileNotFoundError):
                shutil.copy2(self._plane.folder / f"{name}.log", self._logs)

    # --- what scenarios do with it ---

    def load(self, archive: Path) -> None:
        for node in self._nodes.values():
            node.load(archive)

    def shell(
        self, node: str, *argv: str, input: str | None = None, check: bool = True, seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        return self._nodes[node].machine.shell(*argv, input=input, check=check, seconds=seconds)

    def folder(self, node: str, path: str) -> Path:
        return self._nodes[node].machine.place(path)

    def start_api_server(self) -> None:
        if not self._plane.running:
            self._plane.start_apiserver()

    def stop_api_server(self) -> None:
        self._plane.stop_apiserver()

    def reboot(self, node: str) -> None:
        self._nodes[node].machine.stop()
        self._start_node(self._nodes[node])


def _base64(file: Path) -> str:
    from base64 import b64encode

    return b64encode(file.read_bytes()).decode()
