"""A pod with one container, made as a kubelet makes it, by what a pod's manifest says of both."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.containerd import CGROUPS, Containerd
from tests.support.wait import until

NODE: Final = 2
"""NamespaceMode: the node's own."""
SLAVE: Final = 1
"""MountPropagation: what is mounted on the host later is seen (HostToContainer)."""
RUNNING, EXITED = 1, 2
"""States of a container; a field that is 0 is not in the JSON."""

MASKED: Final = (
    *("/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
)
READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What a kubelet asks for with procMount: Default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    host: Path
    container: str
    readonly: bool = False
    follows: bool = False
    """HostToContainer"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """``id`` in ``runtime``; its sandbox shares the host's network."""

    runtime: Containerd
    id: str
    sandbox: str
    log: Path

    @classmethod
    def create(
        cls,
        runtime: Containerd,
        pod: Mapping[str, Any],
        sandbox: str,
        *,
        name: str,
        image: str,
        mounts: Sequence[Mount],
        command: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        capabilities: Sequence[str] = (),
        memory: int = 0,
    ) -> Container:
        """Not started. ``capabilities`` are all that it has; nothing is written to its root, or gained by a file."""
        config = {
            "metadata": {"name": name},
            "image": {"image": image},
            "command": list(command),
            "envs": [{"key": key, "value": value} for key, value in (env or {}).items()],
            "mounts": [
                {
                    "container_path": mount.container,
                    "host_path": str(mount.host),
                    "readonly": mount.readonly,
                    "propagation": SLAVE if mount.follows else 0,
                }
                for mount in mounts
            ],
            "log_path": f"{name}.log",
            "linux": {
                "resources": {"memory_limit_in_bytes": memory},
                "security_context": {
                    "capabilities": {"add_capabilities": list(capabilities), "drop_capabilities": ["ALL"]},
                    "namespace_options": {"network": NODE},
                    "readonly_rootfs": True,
                    "no_new_privs": True,
                    "masked_paths": list(MASKED),
                    "readonly_paths": list(READ_ONLY),
                    "seccomp": {"profile_type": 0},
                },
            },
        }
        sandbox_config = host_network(runtime, pod)
        made = runtime.cri.ask(
            "CreateContainer", pod_sandbox_id=sandbox, config=config, sandbox_config=sandbox_config
        )
        log = Path(sandbox_config["log_directory"], f"{name}.log")
        return cls(runtime=runtime, id=made["container_id"], sandbox=sandbox, log=log)

    def start(self) -> None:
        self.runtime.cri.ask("StartContainer", container_id=self.id)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.runtime.cri.ask("ContainerStatus", container_id=self.id)["status"]
        return status

    def running(self) -> bool:
        return bool(self.status().get("state", 0) == RUNNING)

    def ended(self, seconds: float = 60.0) -> int:
        """Its exit status, once it has one."""
        until(lambda: self.status().get("state", 0) == EXITED, seconds=seconds, what=f"{self.id} to end")
        return int(self.status().get("exit_code", 0))

    def execute(self, *command: str) -> tuple[int, str]:
        """As a kubelet's exec probe: exit status, and what it printed."""
        said = self.runtime.cri.ask("ExecSync", container_id=self.id, cmd=list(command), timeout=10)
        printed = b"".join(base64.b64decode(said.get(stream, "")) for stream in ("stdout", "stderr"))
        return int(said.get("exit_code", 0)), printed.decode()

    def stop(self, seconds: int = 30) -> None:
        self.runtime.cri.ask("StopContainer", container_id=self.id, timeout=seconds)

    def output(self) -> str:
        """What it wrote, without what the runtime puts before each line."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return "\n".join(line.split(" ", 3)[3] for line in lines)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def spec(self) -> dict[str, Any]:
        """What runc was told: the OCI runtime specification's config.json."""
        info = self.runtime.cri.ask("ContainerStatus", container_id=self.id, verbose=True)["info"]
        spec: dict[str, Any] = json.loads(info["info"])["runtimeSpec"]
        return spec

    def peak_bytes(self) -> int:
        """The most memory that its control group has had."""
        for group, name in (("memory", "memory.max_usage_in_bytes"), ("", "memory.peak")):
            file = CGROUPS / group / self.runtime.cgroup / self.id / name
            if file.exists():
                return int(file.read_text())
        raise AssertionError(f"there is no control group of {self.id}")


def host_network(runtime: Containerd, pod: Mapping[str, Any]) -> dict[str, Any]:
    """A sandbox of a pod with ``hostNetwork``, which has the node's name."""
    return runtime.config(
        pod, hostname="", linux={"security_context": {"namespace_options": {"network": NODE}}}
    )


def seconds_until(condition: Any, *, seconds: float, what: str) -> float:
    """How long it took to come true."""
    begun = time.monotonic()
    until(condition, seconds=seconds, what=what)
    return time.monotonic() - begun
