"""The settings of the node agent: what stands under ``agent``.

Each default has its name, its unit and its reason here; ``schema.json`` tells the same to who writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from multinet.config.values import absolute, absolute_or_none, file_name, wrong
from multinet.errors import inside

SOCKET = "/run/multinet/agent.sock"
CNI_CONF_DIR = "/etc/cni/net.d"
"""Where containerd and CRI-O look."""

CONFLIST_NAME = "00-multinet.conflist"
"""Sorts before the names that others give theirs: a runtime takes the first."""

NETWORK_NAME = "multinet"
WORKERS = 32
"""Requests in work at once. They wait for the kernel and for executables, not for this process."""

QUEUE = 512
"""Requests that wait for a worker: twice the pods of a full node."""

QUEUE_SECONDS = 60.0
"""Longer in the queue, and the request is told to come again while its caller still listens."""

REQUEST_SECONDS = 110.0
"""Below the two minutes after which kubelet gives up a request by default (--runtime-request-timeout)."""

GRACE_SECONDS = 20.0
"""To finish or undo what is in work at a stop; below the 30 s a pod is given (terminationGracePeriodSeconds)."""

KERNEL_ADDS = 1
"""ADDs that compute and make things in the kernel at once (``daemon.turn``): more only wait for each other, with much
ado."""

RECONCILE_SECONDS = 300
RECONCILE_MOST = 64
"""Leftovers cleared in one round, so that clearing never starves the pods that come up."""

EVENTS = "all"
SHIM_WAIT_SECONDS = 30
"""How long the shim waits for an agent that is being replaced; a restart takes a few seconds."""

POD_RESOURCES_SOCKET = "/var/lib/kubelet/pod-resources/kubelet.sock"
KUBELET_CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"
"""Where kubelet has them, unless it was given another --root-dir."""

SYSCTL_DIR = "/proc/sys"
"""Not so in a container that is not privileged: there it is mounted for reading only."""

CONF_SUFFIXES = (".conf", ".conflist", ".json")
"""What libcni takes for a configuration."""

RECORD = "failures"
"""What somebody may want to replay later. What goes well is recorded when it is waited for."""

HISTORY = 256
"""Requests of which the agent remembers what it did: a full node's start, in about 1 MB."""

METRICS = "unix:/run/multinet/probes.sock"
"""Where the kubelet's probes find it when nothing is said: root's alone, since metrics name pods."""

UNIX = "unix:"


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """Each field is described in ``schema.json``, under ``agent``, by its name there."""

    socket: Path = Path(SOCKET)
    node_name: str = ""
    kubeconfig: Path | None = None
    cni_conf_dir: Path = Path(CNI_CONF_DIR)
    primary_dir: Path | None = None
    """None: ``cni_conf_dir``."""
    primary: str = ""
    conflist_name: str = CONFLIST_NAME
    network_name: str = NETWORK_NAME
    cni_version: str = ""
    workers: int = WORKERS
    queue: int = QUEUE
    queue_seconds: float = QUEUE_SECONDS
    request_seconds: float = REQUEST_SECONDS
    grace_seconds: float = GRACE_SECONDS
    kernel_adds: int = KERNEL_ADDS
    metrics: str = METRICS
    history: int = HISTORY
    record: str = RECORD
    status_page: str = ""
    """"": nowhere."""
    reconcile_seconds: int = RECONCILE_SECONDS
    reconcile_most: int = RECONCILE_MOST
    events: str = EVENTS
    shim_wait_seconds: int = SHIM_WAIT_SECONDS
    pod_resources_socket: Path = Path(POD_RESOURCES_SOCKET)
    kubelet_checkpoint: Path = Path(KUBELET_CHECKPOINT)
    sysctl_dir: Path = Path(SYSCTL_DIR)

    @classmethod
    def parse(cls, raw: Mapping[str, Any], environ: Mapping[str, str]) -> AgentSettings:
        """What stands under ``agent``, which the schema has seen. Raises InvalidConfig."""
        with inside(".agent"):
            return cls(
                socket=absolute(raw, "socket", SOCKET),
                node_name=raw.get("nodeName") or environ.get("NODE_NAME", ""),
                kubeconfig=absolute_or_none(raw, "kubeconfig"),
                cni_conf_dir=absolute(raw, "cniConfDir", CNI_CONF_DIR),
                primary_dir=absolute_or_none(raw, "primaryDir"),
                primary=file_name(raw, "primary", "", CONF_SUFFIXES),
                conflist_name=file_name(raw, "conflistName", CONFLIST_NAME, (".conflist",)),
                network_name=raw.get("networkName") or NETWORK_NAME,
                cni_version=raw.get("cniVersion", ""),
                workers=raw.get("workers", WORKERS),
                queue=raw.get("queue", QUEUE),
                queue_seconds=float(raw.get("queueSeconds", QUEUE_SECONDS)),
                request_seconds=float(raw.get("requestSeconds", REQUEST_SECONDS)),
                grace_seconds=float(raw.get("graceSeconds", GRACE_SECONDS)),
                kernel_adds=raw.get("kernelAdds", KERNEL_ADDS),
                metrics=_listener(raw, "metrics", METRICS),
                history=raw.get("history", HISTORY),
                record=raw.get("record", RECORD),
                status_page=_listener(raw, "statusPage", ""),
                reconcile_seconds=raw.get("reconcileSeconds", RECONCILE_SECONDS),
                reconcile_most=raw.get("reconcileMost", RECONCILE_MOST),
                events=raw.get("events", EVENTS),
                shim_wait_seconds=raw.get("shimWaitSeconds", SHIM_WAIT_SECONDS),
                pod_resources_socket=absolute(raw, "podResourcesSocket", POD_RESOURCES_SOCKET),
                kubelet_checkpoint=absolute(raw, "kubeletCheckpoint", KUBELET_CHECKPOINT),
                sysctl_dir=absolute(raw, "sysctlDir", SYSCTL_DIR),
            )


def _listener(raw: Mapping[str, Any], key: str, default: str) -> str:
    """``unix:/path`` or a loopback address and port: what is told there names pods, and asks nobody who they are."""
    text: str = raw.get(key, default)
    if not text or (text.startswith(UNIX) and Path(text.removeprefix(UNIX)).is_absolute()):
        return text
    host, _, port = text.rpartition(":")
    try:
        local = ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        hint = "write unix:/run/multinet/metrics.sock or 127.0.0.1:9097"
        raise wrong(key, f"{text!r} is neither a unix socket nor a port of the loopback", hint)
    return text
