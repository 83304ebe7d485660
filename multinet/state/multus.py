"""What others remember of pods that they set up before us: Multus, and the runtime where it called the cluster
network itself.

Multus writes ``<cniDir>/<container id>`` (``scratch``) before its first delegate runs; what libcni then remembers
of each delegate is below ``<cniDir>/results``: arguments, namespace, result. An interface that was plugged in
later is only there.

All of it is read and removed, never written. It is written in place, so a power cut leaves it cut, empty or full
of zeros: that is told, and such a file counts as none; a pod must always be able to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from multinet import files, log
from multinet.cni.names import META_PLUGINS, check_container_id
from multinet.errors import MultinetError
from multinet.plan import Phase, Record
from multinet.state.attachments import Attachments
from multinet.state.libcni import Cache, Cached, read_small
from multinet.state.scratch import Delegate, attached, read_scratch, record_of

DEVICE_INFO_DIR = Path("/var/run/k8s.cni.cncf.io/devinfo")
"""Where Multus has device-info files. It can't be told otherwise."""


class WithMultus:
    """Our records, and for containers of which there is none, what Multus or the runtime remember.

    Only a question about that very container reads the runtime's cache: what else is in there may belong to
    others on this machine, and is nobody's leftover.
    """

    def __init__(
        self,
        records: Attachments,
        cni_dir: Path,
        runtime_cache: Path | None = None,
        device_info: Path = DEVICE_INFO_DIR,
    ) -> None:
        """``cni_dir`` is Multus's. ``runtime_cache``: the folder of the runtime's libcni, None to leave it alone.
        ``device_info``: where device-info files are.
        """
        self._records = records
        self._folder = cni_dir
        self._cache = Cache(folder=cni_dir)
        self._runtime = Cache(folder=runtime_cache) if runtime_cache is not None else None
        self._device_info = device_info

    def lock(
        self, container_id: str, *, wait: bool = True, remaining: Callable[[], float] | None = None
    ) -> AbstractContextManager[object]:
        return self._records.lock(container_id, wait=wait, remaining=remaining)

    def joining(self, remaining: Callable[[], float] | None = None) -> AbstractContextManager[object]:
        return self._records.joining(remaining)

    def closed(self, remaining: Callable[[], float] | None = None) -> AbstractContextManager[object]:
        return self._records.closed(remaining)

    def write(self, record: Record) -> None:
        self._records.write(record)

    def written(self, container_id: str, ifname: str) -> float:
        return self._records.written(container_id, ifname)

    def writable(self) -> None:
        self._records.writable()

    def count(self) -> int:
        """How many sandboxes have a record of ours."""
        return self._records.count()

    def tidy(self) -> int:
        return self._records.tidy()

    def find(self, container_id: str, ifname: str) -> Record | None:
        """Ours; else Multus's; else the runtime's. Raises what ours does."""
        record = self._records.find(container_id, ifname)
        if record is not None:
            return record
        record = self._of_multus(container_id, ifname)
        if record is None and self._runtime is not None:
            record = self._of_runtime(self._runtime, container_id, ifname)
        return record

    def find_own(self, container_id: str, ifname: str) -> Record | None:
        return self._records.find(container_id, ifname)

    def all(self) -> Iterator[Record]:
        """Every record of ours, then Multus's of the containers of which we have none."""
        ours = set()
        for record in self._records.all():
            ours.add(record.plan.container_id)
            yield record
        for container_id in sorted(self._containers() - ours):
            theirs = self._of_multus(container_id)
            if theirs is not None:
                yield theirs

    def forget(self, container_id: str, ifname: str) -> None:
        """Ours; where there is none, all that others remember of the container."""
        if self._records.exists(container_id, ifname):
            self._records.forget(container_id, ifname)
            return
        self._records.forget(container_id, ifname)  # what a process that died had begun to write
        self._cache.forget(container_id)
        if self._runtime is not None:
            for one in self._of_runtime_cache(self._runtime, container_id, ifname):
                files.remove(one.file)
        files.remove(self._scratch(container_id))  # last: it is what tells that there was something

    def _scratch(self, container_id: str) -> Path:
        return self._folder / container_id

    def _containers(self) -> set[str]:
        """Those of a scratch file, and those of which only libcni's cache is left."""
        found = self._cache.containers()
        try:
            entries = list(self._folder.iterdir())
        except OSError:
            return found
        return found | {entry.name for entry in entries if _is_id(entry.name) and entry.is_file()}

    def _of_multus(self, container_id: str, ifname: str = "") -> Record | None:
        delegates = self._delegates(container_id)
        cached = [one for one in self._cache.of_container(container_id) if not one.types & META_PLUGINS]
        attachments = attached(delegates or (), cached, container_id, ifname, self._device_info)
        if not attachments:
            return None
        whole = delegates is not None and len(attachments) >= len(delegates)
        return record_of(container_id, ifname, attachments, cached, Phase.DONE if whole else Phase.INTENDED)

    def _of_runtime(self, cache: Cache, container_id: str, ifname: str) -> Record | None:
        cached = self._of_runtime_cache(cache, container_id, ifname)
        attachments = attached((), cached, container_id, ifname, self._device_info)
        return record_of(container_id, ifname, attachments, cached, Phase.DONE) if attachments else None

    def _of_runtime_cache(self, cache: Cache, container_id: str, ifname: str) -> list[Cached]:
        """The network that the runtime called itself. What it remembers of a meta plugin is its own business."""
        return [
            one
            for one in cache.of_container(container_id)
            if one.ifname == ifname and not one.types & META_PLUGINS
        ]

    def _delegates(self, container_id: str) -> list[Delegate] | None:
        """None when there is no scratch file, or none that can be read."""
        if not _is_id(container_id):
            return None
        file = self._scratch(container_id)
        try:
            data = read_small(file)
            return None if data is None else read_scratch(data)
        except MultinetError as error:
            log.warn("Multus's scratch file can't be read", file=str(file), error=str(error))
            return None


def _is_id(name: str) -> bool:
    try:
        check_container_id(name)
    except MultinetError:
        return False
    return True
