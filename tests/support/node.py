"""A node of a cluster, as far as multinet goes: the agent as a process of its own, and a runtime that calls the shim.

It knows nothing of pytest: what measures uses it too. The agent lives in the namespace of whoever starts it,
where the API server is; the shim is executed in the host's, where its networks are to be made.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from multinet.config.settings import ALLOWED_PATHS
from tests.support.controlplane import AGENT, NODE, ControlPlane
from tests.support.netns import Netns
from tests.support.wait import until

ROOT = Path(__file__).parents[2]
SHIM = ROOT / ".cache" / "shim" / "multinet"
ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"

START_SECONDS = 30.0
CALL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a runtime reads of a call."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    def ok(self) -> Any:
        """The result, {} where there is none; an AssertionError with the error where it failed."""
        assert self.code == 0, self.stdout.decode() + self.stderr.decode()
        return self.json if self.stdout.strip() else {}

    def error(self) -> dict[str, Any]:
        assert self.code == 1, self.stdout.decode()
        error: dict[str, Any] = self.json
        return error


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """A container of a pod, as the runtime knows it."""

    id: str
    netns: str
    pod: Mapping[str, Any]
    ifname: str = "eth0"

    @property
    def args(self) -> str:
        metadata = self.pod["metadata"]
        return (
            f"IgnoreUnknown=1;K8S_POD_NAMESPACE={metadata['namespace']};K8S_POD_NAME={metadata['name']};"
            f"K8S_POD_INFRA_CONTAINER_ID={self.id};K8S_POD_UID={metadata['uid']}"
        )


@dataclass(kw_only=True)
class AgentNode:
    """``settings`` and ``agent`` (its part of them) go over what is set here. ``plane`` None: ``settings`` name a
    folder that stands for the cluster.
    """

    folder: Path
    host: Netns
    plane: ControlPlane | None = None
    bin_dir: Path = ROOT / ".cache" / "peers"
    name: str = NODE
    settings: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, Any] = field(default_factory=dict)
    wrapper: Sequence[str] = ()
    """Put before the agent's command line: a cgroup, a limit, another namespace."""
    program: Sequence[str] = ("-m", "multinet.daemon")
    """What Python runs: the agent, or a program of a test's that is one and something besides."""
    shim: Path = SHIM
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.conf_dir.mkdir(parents=True, exist_ok=True)
        self._open = ExitStack()
        self._calls: set[subprocess.Popen[bytes]] = set()

    # --- places ---

    @property
    def conf_dir(self) -> Path:
        """The runtime's folder of CNI configurations."""
        return self.folder / "net.d"

    @property
    def conflist(self) -> Path:
        return self.conf_dir / "00-multinet.conflist"

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "agent.sock"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def ipam(self) -> Path:
        """For the ``dataDir`` of host-local."""
        return self.folder / "ipam"

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def log(self) -> str:
        file = self.folder / "agent.log"
        return file.read_text() if file.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """The agent's log."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def records(self) -> list[str]:
        """Names of the journal's files."""
        return sorted(file.name for file in (self.state / "sandboxes").glob("*.json"))

    def addresses(self) -> list[str]:
        """All that host-local has given away: ``network/address``."""
        kept = ("lock", "last_reserved_ip.")
        return sorted(
            f"{file.parent.name}/{file.name}"
            for file in self.ipam.glob("*/*")
            if not file.name.startswith(kept)
        )

    # --- its configurations ---

    def primary(self, name: str = "cluster", **conf: Any) -> Path:
        """The cluster's own network: a bridge with a gateway, unless told otherwise."""
        plugin = {
            "type": "bridge",
            "bridge": "br0",
            "isGateway": True,
            "isDefaultGateway": True,
            "ipam": self.host_local("10.244.0.0/16"),
            **conf,
        }
        file = self.conf_dir / "10-cluster.conflist"
        file.write_text(json.dumps({"cniVersion": "1.0.0", "name": name, "plugins": [plugin]}))
        return file

    def host_local(self, subnet: str) -> dict[str, Any]:
        return {"type": "host-local", "dataDir": str(self.ipam), "ranges": [[{"subnet": subnet}]]}

    def write_settings(self, **settings: Any) -> None:
        """The agent's file; what is given here goes over all else."""
        agent: dict[str, Any] = {
            "socket": str(self.socket),
            "nodeName": self.name,
            "cniConfDir": str(self.conf_dir),
            "metrics": f"unix:{self.folder / 'run' / 'metrics.sock'}",
            **({"kubeconfig": str(self.plane.kubeconfig(AGENT))} if self.plane else {}),
            **self.agent,
            **settings.pop("agent", {}),
        }
        content = {
            "stateDir": str(self.state),
            "multusDir": str(self.folder / "multus"),
            "runtimeCacheDir": str(self.folder / "libcni"),
            "deviceInfoDir": str(self.folder / "devinfo"),
            "allowedPaths": [*ALLOWED_PATHS, str(self.folder)],
            "confDir": str(self.folder / "multinet.d"),
            "binDir": str(self.bin_dir),
            **self.settings,
            **settings,
            "agent": agent,
        }
        new = self.config.with_suffix(".new")
        new.write_text(yaml.safe_dump(content))
        new.rename(self.config)

    # --- the process ---

    def start(self, *, ready: bool = True) -> Self:
        """Start the agent. ``ready``: return when it can serve all there is to serve."""
        if not self.config.exists():
            self.write_settings()
        log = self._open.enter_context((self.folder / "agent.log").open("ab"))
        self.process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", *self.wrapper),
                *(sys.executable, *self.program, "--config", str(self.config)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the agent has ended: {self.log[-2000:]}"
            return self.conflist.exists() and self.probe("readyz")[0] == 200

        until(ready, seconds=START_SECONDS, what=f"the agent to be ready; its log: {self.folder}/agent.log")

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        status = self.process.wait(START_SECONDS)
        self.process = None
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for call in self._calls:
            call.kill()
            call.communicate()
        if self.process is not None:
            self.kill()
        self._open.close()

    # --- calling it ---

    def environment(self, verb: str, sandbox: Sandbox | None) -> dict[str, str]:
        env = {
            "CNI_COMMAND": verb,
            "CNI_PATH": str(self.bin_dir),
            "MULTINET_SOCKET": str(self.socket),
            "PATH": os.environ["PATH"],
        }
        if sandbox is not None:
            env |= {
                "CNI_CONTAINERID": sandbox.id,
                "CNI_NETNS": sandbox.netns,
                "CNI_IFNAME": sandbox.ifname,
                "CNI_ARGS": sandbox.args,
            }
        return env

    def conf(self, sandbox: Sandbox | None, *, annotations: bool = True, **more: Any) -> bytes:
        """What a runtime makes of our conflist: with the pod's annotations, since that asks for them."""
        conf: dict[str, Any] = {"cniVersion": "1.1.0", "name": "multinet", "type": "multinet", **more}
        if sandbox is not None and annotations:
            said = sandbox.pod["metadata"].get("annotations", {})
            conf["runtimeConfig"] = {ANNOTATIONS: dict(said)}
        return json.dumps(conf).encode()

    def begin(
        self,
        verb: str,
        sandbox: Sandbox | None = None,
        *,
        name: str = "multinet",
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        **conf: Any,
    ) -> subprocess.Popen[bytes]:
        """Execute the shim under that name, and don't wait for it."""
        process = subprocess.Popen(
            self.host.command("bash", "-c", 'exec -a "$0" "$@"', name, str(self.shim))
            if name != "multinet"
            else self.host.command(self.shim),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environment(verb, sandbox), **(env or {})},
        )
        self._calls.add(process)
        assert process.stdin is not None
        process.stdin.write(self.conf(sandbox, **conf) if stdin is None else stdin)
        process.stdin.close()
        process.stdin = None
        return process

    def end(self, process: subprocess.Popen[bytes]) -> Said:
        stdout, stderr = process.communicate(timeout=CALL_SECONDS)
        self._calls.discard(process)
        return Said(code=process.returncode, stdout=stdout, stderr=stderr)

    def call(self, verb: str, sandbox: Sandbox | None = None, **how: Any) -> Said:
        """One call of the runtime, from start to end; see ``begin``."""
        return self.end(self.begin(verb, sandbox, **how))

    def at_once(self, verb: str, sandboxes: Sequence[Sandbox], **how: Any) -> list[Said]:
        """All of them at the same time."""
        return [self.end(one) for one in [self.begin(verb, sandbox, **how) for sandbox in sandboxes]]

    def probe(self, path: str) -> tuple[int, str]:
        """HTTP status and body of /metrics, /livez, /readyz, /startz."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            try:
                connection.connect(str(self.folder / "run" / "metrics.sock"))
            except OSError:
                return 0, "nobody listens"
            connection.sendall(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
            data = b""
            while part := connection.recv(65536):
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def metric(self, name: str) -> float:
        """The value of one that has no labels."""
        lines = self.probe("metrics")[1].splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))
