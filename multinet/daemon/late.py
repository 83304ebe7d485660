"""Network-status that could not be told in time, told later.

A pod's networks don't depend on the API server, and its status is told before the answer. When the server does
not answer, the pod starts all the same: what is to be said lies on the node's disk, and is said as soon as there
is somebody to hear it, by this agent or the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from multinet import damaged, files, log
from multinet.cni import jsonkeys
from multinet.deadline import Deadline
from multinet.errors import DecodingFailure, IOFailure, MultinetError, TryAgain
from multinet.kube.errors import ApiError, ApiUnavailable
from multinet.npwg import status
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from multinet.verbs.node import Cluster

IN_TIME_SECONDS: Final = 5.0
"""How long an ADD waits for the API server to take its status. One that throttles or changes its leader answers
within that; in an outage each pod with further networks starts by so much later."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0

Publish = Callable[[Pod, Sequence[NetworkStatus], Deadline], None]


class Late:
    """What is still to be told, one file a pod in ``folder``. From ``start`` to ``stop`` it is tried again."""

    def __init__(self, folder: Path, publish: Publish, *, pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._folder = folder
        self._publish = publish
        self._first_pause = pause
        self._telling = Lock()
        self._pending = {str(pod) for pod, _ in self._read()}
        self._news = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="late-status", daemon=True)

    def __len__(self) -> int:
        return len(self._pending)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is left is told by the next agent."""
        self._stopping.set()
        self._news.set()
        self._thread.join(IN_TIME_SECONDS)

    def keep(self, pod: Pod, entries: Sequence[NetworkStatus]) -> None:
        """To be told later, instead of what was to be told of that pod before. Raises IOFailure."""
        document = {
            "namespace": pod.namespace,
            "name": pod.name,
            "uid": pod.uid,
            "annotations": dict(pod.annotations),
            "status": status.write(entries),
        }
        with self._telling:
            files.make_dirs(self._folder, mode=0o700)
            files.write_atomic(self._file(pod), json.dumps(document).encode())
            self._pending.add(str(pod))
        self._news.set()

    @contextmanager
    def turn(self, pod: Pod) -> Iterator[None]:
        """Held while something newer is told of a pod: what was to be told before must not come after it."""
        if str(pod) not in self._pending:
            yield
            return
        with self._telling:
            yield
            self._forget(pod)

    def _run(self) -> None:
        pause = self._first_pause
        while not self._stopping.is_set():
            if not self._pending:
                self._news.wait()
            self._news.clear()
            if self._all_told():
                pause = self._first_pause
            elif not self._stopping.wait(pause):
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _all_told(self) -> bool:
        """False when something is left to be tried again."""
        try:
            return self._tell_all()
        except (
            Exception
        ) as error:  # the disk, or a defect: without this thread nothing would be told any more
            log.warn("statuses can't be told late", error=str(error) or repr(error))
            return False

    def _tell_all(self) -> bool:
        with self._telling:
            left = [pod for pod, _ in self._read()]
            self._pending = {str(pod) for pod in left}  # not those whose files somebody took away
        well = True
        for known in left:
            if self._stopping.is_set():
                return False
            with self._telling:
                # As it is by now: something newer was told meanwhile, or was kept in its place.
                now = next(self._read(self._file(known)), None)
                if now is None or str(known) not in self._pending:
                    continue
                pod, entries = now
                try:
                    self._publish(pod, entries, Deadline(IN_TIME_SECONDS))
                    log.info("network-status told late", pod=str(pod))
                except ApiUnavailable:
                    return False
                except ApiError as error:  # this one's own trouble: the others need not wait for it
                    log.warn("network-status can't be told", pod=str(pod), error=str(error))
                    well = False
                    continue
                except TryAgain:
                    pass  # the pod is gone, or another by now: its own ADD tells what it has
                self._forget(pod)
        return well

    def _forget(self, pod: Pod) -> None:
        files.remove(self._file(pod))
        self._pending.discard(str(pod))

    def _file(self, pod: Pod) -> Path:
        return self._folder / f"{sha256(str(pod).encode()).hexdigest()[:32]}.json"

    def _read(self, *found: Path) -> Iterator[tuple[Pod, tuple[NetworkStatus, ...]]]:
        """Those files, or all. What is damaged is put aside, and keeps no other pod's from being told."""
        for file in found or sorted(self._folder.glob("*.json")):
            try:
                data = files.read(file)
            except files.NoFile as error:
                damaged.put_aside(file, None, error)
                continue
            except IOFailure as error:
                if file.exists():
                    log.warn("a status to be told late can't be read", error=str(error))
                continue
            try:
                yield _from_json(data)
            except DecodingFailure as error:
                with suppress(IOFailure):  # then it is tried again the next time
                    damaged.take_away(file, data, error)


def _from_json(data: bytes) -> tuple[Pod, tuple[NetworkStatus, ...]]:
    """Raises DecodingFailure."""
    try:
        said = jsonkeys.load(data)
        if not isinstance(said, dict) or not said.get("namespace") or not said.get("name"):
            raise DecodingFailure("it names no pod")
        pod = Pod(
            namespace=jsonkeys.string(said, "namespace"),
            name=jsonkeys.string(said, "name"),
            uid=jsonkeys.string(said, "uid"),
            annotations=jsonkeys.mapping(said, "annotations") or {},
        )
        return pod, status.parse(jsonkeys.string(said, "status"))
    except MultinetError as error:
        raise DecodingFailure(f"a status to be told late is damaged: {error.sentence}") from error


class PatientCluster:
    """A cluster (``verbs.node.Cluster``) whose ``publish`` does not fail when nobody answers."""

    def __init__(self, cluster: Cluster, publish: Publish, late: Late, deadline: Deadline) -> None:
        self._cluster = cluster
        self._publish = publish
        self._late = late
        self._deadline = deadline

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        return self._cluster.pod(namespace, name, uid)

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        return self._cluster.definition(namespace, name)

    def devices(self, pod: Pod) -> Mapping[str, Sequence[str] | None]:
        return self._cluster.devices(pod)

    def publish(self, pod: Pod, status: Sequence[NetworkStatus]) -> None:
        self._deadline.check("telling the network-status")
        try:
            with self._late.turn(pod):
                self._publish(pod, status, Deadline(self._deadline.limit(IN_TIME_SECONDS)))
        except ApiUnavailable as error:
            log.bind(status_told="later")
            log.warn("network-status will be told later", pod=str(pod), error=str(error))
            self._late.keep(pod, status)
