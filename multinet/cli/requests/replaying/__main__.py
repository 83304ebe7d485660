"""``python -m multinet.cli.requests.replaying``: a recording on stdin, what came of it on stdout, as JSON.

A process of its own: it leaves for namespaces that nobody comes back from, and they are gone when it ends.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from multinet import log, timing
from multinet.cli.requests.replaying import stage
from multinet.cli.requests.replaying.doors import ToldCluster, ToldConfigurations, ToldPrograms, text_of
from multinet.cni import answer
from multinet.cni.request import Request, Verb, require_verb_version
from multinet.cni.versions import SUPPORTED, reconcile
from multinet.config import Settings
from multinet.daemon.history import History
from multinet.daemon.turn import Turn, Turns
from multinet.deadline import Deadline
from multinet.delegate.host_links import HostLinks
from multinet.delegate.registry import Registry, residents
from multinet.delegate.scene import open_scene
from multinet.errors import MultinetError
from multinet.state import record
from multinet.state.attachments import Attachments
from multinet.state.device_info import DeviceInfoFolder
from multinet.state.multus import WithMultus
from multinet.verbs.add import add
from multinet.verbs.check import check
from multinet.verbs.delete import delete
from multinet.verbs.node import Node

BOOT_ID: Final = "replay"
"""Of a request without a record."""
READY: Final = "ready"
OTHERS: Final[Mapping[Verb, Callable[[Request, Node], None]]] = {Verb.CHECK: check, Verb.DEL: delete}


def replay(recording: dict[str, Any]) -> dict[str, Any]:
    """Raises MultinetError where a place for it can't be made."""
    stage.enter()
    settings = settings_of(recording)
    stage.hide([stage.CNI_STATE, *(Path(one["dataDir"]) for one in recording["node"]["reservations"])])
    stage.furnish_node(recording)
    pod = stage.make_pod(recording)
    was = recording["env"].get("CNI_NETNS") or str(pod)
    now = str(pod) if not recording["netnsErrno"] else f"{pod}-gone"
    recording = _renamed(recording, was, now)
    records = WithMultus(
        Attachments(settings.state_dir),
        settings.multus_dir,
        settings.runtime_cache_dir,
        settings.device_info_dir,
    )
    boot_id = BOOT_ID
    if recording["record"] is not None:
        found = record.from_json(json.dumps(recording["record"]).encode())
        records.write(found)
        boot_id = found.boot_id

    def made(verb: str, ifname: str, result: Any) -> None:
        if verb == Verb.ADD:
            stage.stand_in(pod, result)
        elif verb == Verb.DEL:
            stage.take_away(pod, ifname)

    env = recording["env"]
    host_links = HostLinks(settings.host_links_dir, types=settings.host_links, warn=log.warn)

    def node_for(request: Request) -> Node:
        deadline = Deadline(settings.agent.request_seconds)
        registry = Registry(
            path=request.path,
            environ=env,
            executables=settings.executables,
            runner=ToldPrograms(recording, made),
        )
        return Node(
            settings=settings,
            records=records,
            cluster=ToldCluster(recording),
            configurations=ToldConfigurations(recording),
            device_info=DeviceInfoFolder(settings.device_info_dir),
            find_delegate=registry.find,
            open_scene=partial(open_scene, host_links=host_links),
            boot_id=boot_id,
            deadline=deadline,
            turn=lambda: Turn(Turns(1), deadline),
        )

    history = History(1)
    log.listen(history.note)
    timing.listen(lambda *_: None)
    beside = residents()
    for type_, resident in beside.items():
        resident.start(settings.state_dir / type_)
    try:
        status, said = 0, _answer(env, text_of(recording["stdin"]), node_for, recording["request"])
    except Exception as error:
        status, said = 1, answer.failure(error, request_id=recording["request"])
    finally:
        for resident in beside.values():
            resident.stop()
    outcome = {
        "recorded": recording["answer"],
        "replayed": {"status": status, "stdout": json.loads(said) if said.strip() else ""},
        "trace": [one.to_json() for one in history.recent()],
    }
    return _renamed(outcome, now, was)


def _renamed(document: dict[str, Any], was: str, now: str) -> dict[str, Any]:
    """With another path of the container's namespace wherever it stands."""
    renamed: dict[str, Any] = json.loads(json.dumps(document).replace(json.dumps(was)[1:-1], now))
    return renamed


def settings_of(recording: Mapping[str, Any]) -> Settings:
    """As they were, with folders of our own where the agent keeps what it knows."""
    kept = dict(recording["settings"])
    for key in ("folder", "confDir"):
        kept.pop(key, None)
    for key in ("stateDir", "multusDir", "runtimeCacheDir", "deviceInfoDir"):
        (stage.BASE / key).mkdir()
        kept[key] = str(stage.BASE / key)
    if "readinessIndicatorFile" in kept:
        ready = stage.BASE / READY
        kept["readinessIndicatorFile"] = str(ready)
        if recording["ready"]:
            ready.touch()
    return Settings.parse(kept, primary_is_found=True, environ={})


def _answer(
    env: Mapping[str, str], stdin: bytes, node_for: Callable[[Request], Node], request_id: str
) -> bytes:
    request = Request.parse(env, stdin)
    with log.verb(
        request.verb.value, request=request_id, container=request.container_id, ifname=request.ifname
    ):
        require_verb_version(request.verb, request.conf.version, SUPPORTED)
        reconcile(request.conf.version, SUPPORTED)
        node = node_for(request)
        if request.verb is Verb.ADD:
            return add(request, node)
        OTHERS[request.verb](request, node)
        return b""


def main() -> int:
    log.set_up("warning")
    try:
        print(json.dumps(replay(json.load(sys.stdin))))
    except MultinetError as error:
        print(json.dumps({"failed": str(error)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
