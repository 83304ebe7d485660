"""The agent: everything is opened here, started in the order in which it is needed, and stopped in reverse."""

from __future__ import annotations

import ctypes
import gc
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from multinet import damaged, log, timing
from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.config.reload import changed, reloaded
from multinet.daemon import leaving, shim_conf
from multinet.daemon import metrics as known
from multinet.daemon.history import History
from multinet.daemon.history_door import HistoryDoor
from multinet.daemon.keeper import Keeper
from multinet.daemon.lanes import Drop
from multinet.daemon.metrics import Dropped, Metrics
from multinet.daemon.primary import AGENT_HINT, Primary
from multinet.daemon.probes import Door, Probes
from multinet.daemon.recording.recordings import Mode, Recordings
from multinet.daemon.server import Limits, Server
from multinet.daemon.service import Service
from multinet.daemon.startup import Startup
from multinet.daemon.stopping import stop_together
from multinet.daemon.world import World
from multinet.delegate.registry import residents
from multinet.errors import InvalidConfig, IOFailure, MultinetError, inside
from multinet.kernel import sysctl
from multinet.kernel.namespace import require_entering
from multinet.kube.client import Access, Api, Told
from multinet.kube.cluster import KubeCluster
from multinet.kube.devices import DeviceSource
from multinet.kube.events import Events
from multinet.kube.nads import NadCache
from multinet.kube.pods import PodCache
from multinet.plan import Outcome, Plan, Pod
from multinet.timing import Trace
from multinet.verbs.node import Added
from multinet.verbs.reconcile import Report

STUCK_SECONDS: Final = 60.0
"""How much longer than it may a request may run before the agent counts as not alive."""
PARTS_SECONDS: Final = 6.0
"""What the parts get at a stop to write what they have, after ``graceSeconds`` for the calls. A pod gets 30."""
M_ARENA_MAX: Final = -8
ARENAS: Final = 2
"""glibc gives each thread an arena of its own, which costs a dozen MB with ours and saves nothing under a GIL."""
PRIMARY_NETWORK: Final = "PrimaryNetwork"
DAMAGED_FILE: Final = "DamagedFile"
"""The reasons of events on the node."""
FILES: Final = 1 << 16
"""File descriptors that the agent may have. By default a container gets 1,024, and 250 calls at once take 750."""


class Agent:
    """From ``start`` to ``stop``. ``file``: where the settings came from, to be looked at for changes."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        """Raises MultinetError for settings that can't be served by."""
        refuse_unreadable(settings)
        self.settings = settings
        self._metrics = Metrics()
        self._history = History(settings.agent.history)
        self._history_door: HistoryDoor | None = None
        self._recordings = Recordings(Mode(settings.agent.record if settings.agent.history else Mode.NONE))
        self._primary = Primary(settings, on_problem=self._primary_problem)
        self._api = open_api(settings, self._metrics.api_request)
        self._events: Events | None = None
        self._startup: Startup | None = None
        self._caches: dict[str, PodCache | NadCache] = {}
        self._definitions: Callable[[], Iterable[str]] = tuple
        kube = None
        if self._api is not None:
            pods, nads = PodCache(self._api, settings.agent.node_name), NadCache(self._api)
            self._caches = {"pods": pods, "nads": nads}
            self._definitions = nads.reflector.items
            devices = DeviceSource(
                self._api,
                node_name=settings.agent.node_name,
                socket=settings.agent.pod_resources_socket,
                checkpoint=settings.agent.kubelet_checkpoint,
            )
            kube = KubeCluster(self._api, pods, nads, devices)
            self._events = Events(self._api, settings.agent.node_name, level=settings.agent.events)
            self._startup = Startup(self._api, settings.agent.node_name, self._can_serve)
        self._world = World(settings, self._primary, kube)
        self._server = Server(
            settings.agent.socket,
            limits_of(settings),
            Service(self._world, self, self._recordings),
            dropped=self._dropped,
        )
        self._keeper = Keeper(self._world.alone, file=file, reload=self._reload, reported=self._reported)
        self._residents = residents()
        self._probes: Probes | None = None
        self._status_door: Door | None = None
        self._leftovers = 0
        self._watch()

    # --- start and stop ---

    def start(self) -> None:
        """Raises MultinetError for what makes it useless to go on."""
        sysctl.use(str(self.settings.agent.sysctl_dir))
        require_entering()
        if self.settings.agent.metrics:
            # First of all: where another agent has them, it goes on to serve, and we have touched nothing of it.
            self._probes = self._open_probes()
            self._probes.start()
        if self.settings.agent.history:
            log.listen(self._history.note)
        if self.settings.agent.status_page:
            self._status_door = self._open_status_page()
        timing.listen(self._metrics.delegate)
        damaged.listen(partial(self._problem, DAMAGED_FILE))
        shim_conf.write(self.settings)
        if self._startup is not None:
            self._startup.start()
        for cache in self._caches.values():
            cache.reflector.start()
        for type_, resident in self._residents.items():
            resident.start(self.settings.state_dir / type_)
        self._primary.start()
        self._world.late.start()
        self._server.start()
        if self.settings.agent.history:
            self._history_door = self._open_history()
        self._primary.serve()
        self._keeper.start()
        log.info("agent started", socket=str(self.settings.agent.socket), node=self.settings.agent.node_name)

    def _open_history(self) -> HistoryDoor | None:
        """None where it can't be served, which pods don't wait for."""
        door = HistoryDoor(self.settings.agent.socket, self._history, self._recordings)
        try:
            door.start()
        except IOFailure as error:
            log.warn("history not served", error=str(error))
            return None
        return door

    def stop(self) -> bool:
        """Finish or undo what runs. False when something did not end within the grace period; what it did is
        on record, and the runtime's DEL clears it.
        """
        ended = self._server.stop(self.settings.agent.grace_seconds)
        parts: dict[str, Callable[[], object]] = {
            "keeper": self._keeper.stop,
            "primary": self._primary.stop,
            "late": self._world.late.stop,
        }
        parts |= {type_: resident.stop for type_, resident in self._residents.items()}
        parts |= {name: cache.reflector.stop for name, cache in self._caches.items()}
        if self._startup is not None:
            parts["startup"] = self._startup.stop
        if self._events is not None:
            parts["events"] = self._events.close
        if self._probes is not None:
            parts["probes"] = self._probes.stop
        if self._history_door is not None:
            parts["history"] = self._history_door.stop
        if self._status_door is not None:
            parts["status page"] = self._status_door.stop
        if left := stop_together(parts, PARTS_SECONDS):
            log.warn("did not end in time", parts=left)
        if self._api is not None:
            self._api.close()
        timing.listen(None)
        damaged.listen(None)
        log.listen(None)
        if leaving.begun(self.settings.state_dir):
            leaving.clear(self.settings)
        log.info("agent stopped", ended=ended)
        return ended

    # --- told by the service (``service.Listener``) ---

    def answered(self, verb: str, code: int, seconds: float) -> None:
        self._metrics.request(verb, code, seconds)

    def refused(self, line: dict[str, Any]) -> None:
        self._history.note(line, Trace())

    def added(self, request_id: str) -> Added:
        events = self._events
        if events is None:
            return lambda plan, outcomes: None

        def tell(plan: Plan, outcomes: Sequence[Outcome]) -> None:
            # A plain pod is none of our news: it would cost the API server a call a pod.
            if plan.pod is not None and plan.names_networks:
                events.added(plan.pod, outcomes, request_id)

        return tell

    def failed(self, pod: Pod, error: MultinetError, request_id: str) -> None:
        if self._events is not None:
            self._events.failed(pod, error, request_id)

    # --- the rest ---

    def _problem(self, reason: str, problem: str) -> None:
        if self._events is not None:
            self._events.problem(reason, problem)

    def _primary_problem(self, problem: str) -> None:
        """With what to do next, where no pod can be given its first network."""
        self._problem(PRIMARY_NETWORK, f"{problem} ({AGENT_HINT})" if self._primary.missing else problem)

    def _dropped(self, why: Drop) -> None:
        if why is not Drop.STOPPING:
            self._metrics.dropped(Dropped(why.value))

    def _reported(self, report: Report) -> None:
        self._leftovers = report.left
        if report.cleared or report.left:
            log.info("cleared up", **report.said())

    def _reload(self, new: Settings) -> None:
        refuse_unreadable(new)
        at_once, at_restart = changed(self._world.settings, new)
        if at_restart:
            log.warn("settings that only count after a restart have changed", keys=sorted(at_restart))
        new = reloaded(self._world.settings, new)
        shim_conf.write(new)  # the only one that can fail: then the old ones stay, all of them
        self._world.renew(new)
        self._server.limits = limits_of(new)
        self._primary.renew(new)
        log.set_up(new.log_level)
        log.info("settings taken over", keys=sorted(at_once))

    def _watch(self) -> None:
        """What just is, for whoever asks for metrics."""
        watch = self._metrics.watch
        watch(known.QUEUE_LENGTH, lambda: self._server.waiting)
        watch(known.RUNNING, lambda: self._server.running)
        watch(known.RECORDS, self._world.records.count)
        watch(known.LEFTOVERS, lambda: self._leftovers)
        watch(known.PRIMARY_PROBLEM, lambda: bool(self._primary.problem))
        watch(known.LATE_STATUSES, self._world.late.__len__)
        watch(known.CONFLIST_LOST, lambda: self._primary.lost)
        for name, cache in self._caches.items():
            reflector = cache.reflector
            watch(known.CACHE_OBJECTS, reflector.__len__, cache=name)
            watch(known.CACHE_AGE, reflector.age, cache=name)
            watch(known.CACHE_IN_SYNC, partial(getattr, reflector, "in_sync"), cache=name)
        if self._events is not None:
            watch(known.EVENTS_DROPPED, partial(getattr, self._events, "dropped"))

    def _open_probes(self) -> Probes:
        live = {"workers": self._stuck, "socket": lambda: self._server.lost}
        begun = {"socket": self._deaf}
        return Probes(self.settings.agent.metrics, self._metrics, live=live, ready=self._ready(), start=begun)

    def _open_status_page(self) -> Door | None:
        """None where it can't be served, which pods don't wait for. Its room is only loaded where it is wanted.
        Raises MultinetError for an address that it may not have.
        """
        from multinet.daemon.page.door import StatusDoor
        from multinet.daemon.page.sources import Sources

        door = StatusDoor(
            self.settings.agent.status_page,
            Sources(
                node=self.settings.agent.node_name or socket.gethostname(),
                state_dir=self.settings.state_dir,
                checks=self._ready(),
                began=time.monotonic(),
                primary=self._primary,
                definitions=self._definitions,
                metrics=self._metrics,
                history=self._history,
            ),
        )
        try:
            door.start()
        except IOFailure as error:  # somebody else has that address
            log.warn("status page not served", error=str(error))
            return None
        return door

    def _ready(self) -> dict[str, Callable[[], str]]:
        """What serving an ADD needs: each says what is missing, or nothing."""
        return {
            "socket": self._deaf,
            "primary network": lambda: self._primary.missing,
            "cluster": self._world.not_in_sync,
            "records": self._unwritable,
        }

    def _can_serve(self) -> bool:
        return not any(missing() for missing in self._ready().values())

    def _deaf(self) -> str:
        return "" if self._server.listening else "not listening"

    def _unwritable(self) -> str:
        try:
            self._world.records.writable()
        except MultinetError as error:
            return str(error)
        return ""

    def _stuck(self) -> str:
        longest = self._server.longest()
        if longest < self._world.settings.agent.request_seconds + STUCK_SECONDS:
            return ""
        return f"a request has run for {longest:.0f} seconds"


def refuse_unreadable(settings: Settings) -> None:
    """Raise for a configuration in the settings that could not be run: said once, and not to each pod."""
    for index, delegate in enumerate(settings.delegates):
        with inside(f"delegates[{index}]"):
            NetConfList.of(delegate)


def limits_of(settings: Settings) -> Limits:
    agent = settings.agent
    return Limits(
        workers=agent.workers,
        queue=agent.queue,
        queue_seconds=agent.queue_seconds,
        request_seconds=agent.request_seconds,
    )


def open_api(settings: Settings, told: Told) -> Api | None:
    """The cluster's API; None where a folder stands for it. Raises InvalidConfig."""
    if settings.folder is not None:
        return None
    if not settings.agent.node_name:
        raise InvalidConfig(
            "this node's name is not known",
            hint="set NODE_NAME in the agent's environment (spec.nodeName), or 'agent.nodeName'",
        )
    kubeconfig = settings.agent.kubeconfig
    return Api(Access.of_kubeconfig(kubeconfig) if kubeconfig else Access.in_cluster(), told)


def raise_limits() -> None:
    """As many files as may be, up to what is ever needed: nothing here is afraid of high numbers (select)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def run(file: Path) -> int:
    """Serve until SIGTERM or SIGINT. The exit status: 0, or 1 when something had to be left to DEL."""
    asked = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    raise_limits()
    settings = Settings.load(file)
    log.set_up(settings.log_level)
    agent = Agent(settings, file)
    agent.start()
    gc.collect()
    gc.freeze()  # what is there by now stays: the collector need not look at it again
    asked.wait()
    return 0 if agent.stop() else 1
