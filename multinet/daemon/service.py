"""One call of the shim, answered: which program is meant, and the doors it is handed.

A name that an installed delegate has is that delegate; any other is the meta plugin.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from multinet import log
from multinet.cni import answer
from multinet.cni.args import Args
from multinet.cni.names import META_PLUGINS
from multinet.cni.request import Request, Verb, require_verb_version
from multinet.cni.versions import SUPPORTED, reconcile, version_answer
from multinet.config import Settings
from multinet.daemon.recording import document
from multinet.daemon.recording.notes import NotedCluster, NotedConfigurations, NotedRunner, Notes
from multinet.daemon.recording.recordings import Recordings
from multinet.daemon.server import Served
from multinet.daemon.turn import SteppingAside, Turn, Turns
from multinet.deadline import Deadline
from multinet.delegate import registry, serve
from multinet.delegate.doors import HostLinks
from multinet.delegate.executable import Runner
from multinet.delegate.invoke import Scene
from multinet.delegate.registry import Registry
from multinet.delegate.scene import open_scene
from multinet.errors import MultinetError, code_of
from multinet.kernel.namespace import Namespace, could_not_open
from multinet.plan import Pod
from multinet.resolve.defaults import Configurations
from multinet.verbs.add import add
from multinet.verbs.check import check
from multinet.verbs.delete import delete
from multinet.verbs.gc import gc
from multinet.verbs.node import Added, Cluster, DeviceInfoFiles, Node, Records
from multinet.verbs.status import status

VERBS: Final[Mapping[Verb, Callable[[Request, Node], None]]] = {
    Verb.CHECK: check,
    Verb.DEL: delete,
    Verb.GC: gc,
    Verb.STATUS: status,
}


class Listener(Protocol):
    """Who is told of each call: metrics and events."""

    def answered(self, verb: str, code: int, seconds: float) -> None: ...

    def refused(self, line: dict[str, Any]) -> None:
        """No verb ran: what is known of such a request, by the keys of a verb's line in the log."""

    def added(self, request_id: str) -> Added: ...

    def failed(self, pod: Pod, error: MultinetError, request_id: str) -> None: ...


class World(Protocol):
    """What the agent keeps open, as it is at this moment: settings and primary may change between calls."""

    @property
    def settings(self) -> Settings: ...

    @property
    def records(self) -> Records: ...

    @property
    def configurations(self) -> Configurations: ...

    @property
    def device_info(self) -> DeviceInfoFiles: ...

    @property
    def host_links(self) -> HostLinks: ...

    @property
    def boot_id(self) -> str: ...

    @property
    def turns(self) -> Turns: ...

    def cluster(self, deadline: Deadline) -> Cluster:
        """The cluster as one request sees it."""

    def not_ready(self) -> str: ...


class Service:
    """Answers calls, each on the thread it comes on."""

    def __init__(self, world: World, listener: Listener, recordings: Recordings) -> None:
        self._world = world
        self._listener = listener
        self._recordings = recordings

    def __call__(self, served: Served) -> tuple[int, bytes]:
        """Exit status and stdout. Never raises an ``Exception``."""
        request_id = secrets.token_hex(4)
        verb = served.call.env.get("CNI_COMMAND", "")
        code = 0
        began = time.monotonic()
        notes = self._recordings.notes(verb) if served.call.name in META_PLUGINS else None
        try:
            said = self._answer(served, request_id, began, notes)
            self._record(served, notes, request_id, 0, said)
            return 0, said
        except Exception as error:
            code = code_of(error)
            pod = pod_of(served.call.env) if verb in (Verb.ADD, Verb.DEL) else None
            if pod is not None and isinstance(error, MultinetError):
                self._listener.failed(pod, error, request_id)
            said = answer.failure(error, request_id=request_id)
            self._record(served, notes, request_id, 1, said)
            return 1, said
        finally:
            self._listener.answered(
                verb if verb in Verb.__members__ else "other", code, time.monotonic() - began
            )

    def _record(self, served: Served, notes: Notes | None, request_id: str, status: int, said: bytes) -> None:
        """Keep what the request was told, if that is wanted. It never becomes the request's error."""

        def pod() -> str:
            return str(pod_of(served.call.env) or "")

        if notes is None or not self._recordings.wants(pod, failed=status != 0):
            return
        try:
            made = document.of(served, notes, self._world.settings, host_of(served))
            made |= {
                "request": request_id,
                "record": document.record_of(served.call.env, self._world.records),
            }
            made["answer"] = {"status": status, "stdout": document.parsed(said)}
            self._recordings.keep(request_id, pod(), made)
        except Exception as error:
            log.warn("request not recorded", request=request_id, error=f"{type(error).__name__}: {error}")

    def _answer(self, served: Served, request_id: str, began: float, notes: Notes | None) -> bytes:
        call = served.call
        try:
            request = Request.parse(call.env, call.stdin)
        except MultinetError as error:
            log.warn("request refused", request=request_id, caller=served.pid, error=str(error))
            self._listener.refused(refused(call.env, request_id, error))
            raise
        if request.verb is Verb.VERSION:
            return version_answer(SUPPORTED)
        known = {
            "container": request.container_id,
            "ifname": request.ifname,
            "pod": str(pod_of(call.env) or ""),
            "caller": served.pid,
            "waited": round(served.waited, 4),
        }
        with log.verb(request.verb.value, request=request_id, **known):
            if call.name in registry.installed():
                log.bind(delegate=call.name)
                return serve.perform(
                    call.name,
                    request,
                    executables=self._world.settings.executables,
                    open_scene=lambda asked: scene_of(served, asked, self._world.host_links),
                    runner=served.caller,
                )
            require_verb_version(request.verb, request.conf.version, SUPPORTED)
            reconcile(request.conf.version, SUPPORTED)
            node = self._node(served, request, request_id, began, notes)
            if request.verb is Verb.ADD:
                return add(request, node)
            VERBS[request.verb](request, node)
            return b""

    def _node(
        self, served: Served, request: Request, request_id: str, began: float, notes: Notes | None
    ) -> Node:
        world = self._world
        settings = world.settings
        host_links = world.host_links
        turn = Turn(world.turns, served.deadline)
        runner: Runner = SteppingAside(served.caller, turn)
        cluster = world.cluster(served.deadline)
        configurations = world.configurations
        if notes is not None:
            runner = NotedRunner(runner, notes)
            cluster = NotedCluster(cluster, notes)
            configurations = NotedConfigurations(configurations, notes)
        found = Registry(
            path=tuple(dict.fromkeys((settings.bin_dir, *request.path))),
            environ=served.call.env,
            executables=settings.executables,
            runner=runner,
        )
        return Node(
            settings=settings,
            records=world.records,
            cluster=cluster,
            configurations=configurations,
            device_info=world.device_info,
            find_delegate=found.find,
            open_scene=lambda asked: scene_of(served, asked, host_links),
            boot_id=world.boot_id,
            deadline=served.deadline,
            asked=time.time() - (time.monotonic() - began) - served.waited,
            turn=lambda: turn,
            not_ready=world.not_ready,
            added=self._listener.added(request_id),
        )


def scene_of(
    served: Served, request: Request, host_links: HostLinks | None = None
) -> AbstractContextManager[Scene]:
    """Where the caller is, and the container it names: by their open files, not by their paths."""
    errno = served.call.netns_errno
    named = served.call.env.get("CNI_NETNS", "")

    def open_netns(path: str) -> Namespace:
        if path != named:
            return served.caller.open_netns(path)
        if errno or len(served.fds) < 2:
            raise could_not_open(path, errno)
        return Namespace.of_fd(served.fds[1], path)

    return open_scene(request, host_of(served), open_netns, host_links)


_host = threading.local()


def host_of(served: Served) -> Namespace:
    """The namespace of the caller. A thread keeps the last one, and its socket: it is the next one's too."""
    there = os.fstat(served.fds[0])
    kept: Namespace | None = getattr(_host, "namespace", None)
    if kept is not None and kept.identity == (there.st_dev, there.st_ino):
        return kept
    fresh = Namespace.of_fd(served.fds[0], "the caller's")
    if kept is not None:
        kept.close()
    _host.namespace = fresh
    return fresh


def refused(env: Mapping[str, str], request_id: str, error: MultinetError) -> dict[str, Any]:
    return {
        "verb": env.get("CNI_COMMAND", ""),
        "request": request_id,
        "pod": str(pod_of(env) or ""),
        "container": env.get("CNI_CONTAINERID", ""),
        "ifname": env.get("CNI_IFNAME", ""),
        "code": code_of(error),
        "error": str(error),
    }


def pod_of(env: Mapping[str, str]) -> Pod | None:
    """The pod that CNI_ARGS names, for the log and for events."""
    args = Args.parse(env.get("CNI_ARGS", ""), lenient=True)
    namespace, name = args.get("K8S_POD_NAMESPACE"), args.get("K8S_POD_NAME")
    return Pod(namespace=namespace, name=name, uid=args.get("K8S_POD_UID")) if namespace and name else None
