"""May this process do what the agent does? It is asked where doctor runs: in the agent's container, that is the
agent's rights.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from multinet import files
from multinet.cli.checks.finding import Finding, good, unknown, warning, wrong
from multinet.cli.checks.patient import DAEMON_SET, NAMESPACE, Patient
from multinet.errors import MultinetError
from multinet.kernel.namespace import require_entering

CAPABILITIES: Final = {"NET_ADMIN": 12, "SYS_ADMIN": 21}
"""linux/capability.h. README.md, "What it needs", names the same."""
NETNS: Final = Path("/run/netns")
TMPFS: Final = "tmpfs"
EDIT: Final = f"kubectl -n {NAMESPACE} edit daemonset/{DAEMON_SET}"


def look(patient: Patient) -> Iterator[Finding]:
    yield from capabilities()
    yield from kernel_parameters(patient)
    yield from folders(patient)
    yield from namespaces(patient)
    yield from kubelet(patient)


def capabilities() -> Iterator[Finding]:
    effective = 0
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
    missing = [name for name, number in CAPABILITIES.items() if not effective >> number & 1]
    if missing:
        says = f"this process has not the capability {' and '.join(missing)}"
        yield wrong("rights", says, "sudo multinet doctor" if os.geteuid() else EDIT)
        return
    try:
        require_entering()
    except MultinetError as error:
        yield wrong("rights", str(error), EDIT)
        return
    yield good("rights", f"{' and '.join(CAPABILITIES)} are there, and network namespaces can be entered")


def kernel_parameters(patient: Patient) -> Iterator[Finding]:
    folder = patient.settings.agent.sysctl_dir
    try:
        read_only = bool(os.statvfs(folder / "net").f_flag & os.ST_RDONLY)
    except OSError as error:
        yield wrong(
            "kernel parameters", f"could not find kernel parameters in {folder}: {error.strerror}", EDIT
        )
        return
    if read_only:
        says = f"kernel parameters can't be written: {folder} is mounted for reading only (setting agent.sysctlDir)"
        yield wrong("kernel parameters", says, EDIT)
    else:
        yield good("kernel parameters", f"{folder}/net can be written")


def folders(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    bad = False
    for folder in (settings.agent.cni_conf_dir, settings.state_dir, settings.agent.socket.parent):
        nearest = files.nearest(folder)
        try:
            files.probe_writable(nearest)
        except MultinetError as error:
            bad = True
            yield wrong("folders", str(error), f"df -h {nearest}")
    kind = _file_system(files.nearest(settings.state_dir))
    if kind == TMPFS:
        bad = True
        says = f"{settings.state_dir} is in memory: what was given to whom is lost when the machine restarts"
        yield warning("folders", says, f"findmnt -T {settings.state_dir}")
    if not bad:
        yield good("folders", "the runtime's folder, the journal and the socket's folder can be written")


def namespaces(patient: Patient) -> Iterator[Finding]:
    """Where the runtime's namespaces are, or nothing would be cleared up whose namespace has gone."""
    if not NETNS.is_dir():
        says = f"{NETNS} is not there: no runtime has made a namespace, or it is not mounted here"
        yield warning("namespaces", says, EDIT)
        return
    mount = _mount_of(str(NETNS))
    own = os.path.ismount(NETNS)
    if own and mount is not None and not mount.receives and not mount.is_shared:
        says = f"{NETNS} is mounted here by itself: namespaces that are made later are not seen"
        yield warning("namespaces", f"{says} (mountPropagation: HostToContainer)", EDIT)
        return
    yield good("namespaces", f"{NETNS} is there, with {len(list(NETNS.iterdir()))} namespaces")


def kubelet(patient: Patient) -> Iterator[Finding]:
    """Only devices need it."""
    agent = patient.settings.agent
    if patient.settings.folder is not None:
        return
    if agent.pod_resources_socket.is_socket() or agent.kubelet_checkpoint.is_file():
        yield good("kubelet", "the kubelet can be asked for devices")
    else:
        says = f"{agent.pod_resources_socket} is not there: pods get no devices (settings agent.podResourcesSocket)"
        uses_devices = any(
            one.device_id for record in patient.journal.records for one in record.plan.attachments
        )
        yield (wrong if uses_devices else unknown)("kubelet", says, EDIT if uses_devices else "")


class _Mount:
    """A line of mountinfo: proc(5), section "/proc/pid/mountinfo"."""

    def __init__(self, line: str) -> None:
        words = line.split()
        self.place = words[4]
        optional = words[6 : words.index("-")]
        self.is_shared = any(one.startswith("shared:") for one in optional)
        self.receives = any(one.startswith("master:") for one in optional)
        self.kind = words[words.index("-") + 1]


def _mount_of(path: str) -> _Mount | None:
    """The one that ``path`` is on; of several on one place, the last hides the others."""
    path = os.path.realpath(path)
    found: _Mount | None = None
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        mount = _Mount(line)
        inside = path == mount.place or path.startswith(mount.place.rstrip("/") + "/")
        if inside and (found is None or len(mount.place) >= len(found.place)):
            found = mount
    return found


def _file_system(path: str) -> str:
    mount = _mount_of(path)
    return mount.kind if mount else ""
