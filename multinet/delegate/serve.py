"""One delegate as a standard CNI executable: the environment and stdin in, stdout and the exit status out.

The order of checks is the reference's (``multinet.cni``), but for one: whether the container's namespace is
the caller's own is looked at before the work and not after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from multinet.cni import answer
from multinet.cni.request import Request, Verb, require_verb_version
from multinet.cni.versions import SUPPORTED, reconcile, version_answer
from multinet.cni.wire import result_to_json
from multinet.delegate.contract import AnyDelegate
from multinet.delegate.doors import HostLinks
from multinet.delegate.executable import Runner
from multinet.delegate.invoke import Find, Plugin, Scene, prepare
from multinet.delegate.registry import Registry
from multinet.delegate.scene import open_scene
from multinet.delegate.undo import Undo
from multinet.kernel.namespace import Namespace
from multinet.timing import timed


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the runtime reads. ``exit_code`` 0 is success."""

    stdout: bytes
    exit_code: int


def serve(
    type_: str,
    env: Mapping[str, str],
    stdin: bytes | Callable[[], bytes],
    *,
    executables: Collection[str] = (),
    host: Namespace | None = None,
    host_links: HostLinks | None = None,
) -> Answer:
    """Answer one request for the delegate of that type. Never raises an ``Exception``.

    A process that serves many hands in ``host``, which each of its threads keeps open for itself.
    """
    try:
        request = Request.parse(env, stdin)
        said = perform(
            type_,
            request,
            executables=executables,
            open_scene=lambda asked: open_scene(asked, host, host_links=host_links),
        )
        return Answer(stdout=said, exit_code=0)
    except Exception as error:
        return Answer(stdout=answer.failure(error), exit_code=1)


def perform(
    type_: str,
    request: Request,
    *,
    executables: Collection[str] = (),
    open_scene: Callable[[Request], AbstractContextManager[Scene]],
    runner: Runner | None = None,
) -> bytes:
    """What goes to stdout. Raises what stood in the way."""
    env = request.env
    registry = Registry(path=request.path, environ=env, executables=executables, runner=runner)

    def find(wanted: str) -> AnyDelegate:
        # Called under its own name it is meant itself, whatever the settings say of that type.
        return (
            Registry(path=request.path, environ=env, runner=runner).find(wanted)
            if wanted == type_
            else registry.find(wanted)
        )

    if request.verb is Verb.VERSION:
        return version_answer(find(type_).versions)
    conf = request.conf
    require_verb_version(request.verb, conf.version, SUPPORTED)
    reconcile(conf.version, find(type_).versions)
    with open_scene(request) as scene, timed(type_, request.verb, conf.name, request.ifname):
        return VERBS[request.verb](request, find, type_, scene)


def _prepare(request: Request, find: Find, type_: str) -> Plugin:
    # The type in the configuration may be a name the executable was linked to; what was called, is meant.
    conf = request.conf if request.conf.type == type_ else replace(request.conf, type=type_)
    return prepare(find, conf, request.args)


def _add(request: Request, find: Find, type_: str, scene: Scene) -> bytes:
    plugin = _prepare(request, find, type_)
    with Undo() as undo:
        result = plugin.delegate.add(plugin.call(scene, request.conf.prev_result), undo)
        text = result_to_json(result, request.conf.version)
        undo.keep()
    return text


def _check(request: Request, find: Find, type_: str, scene: Scene) -> bytes:
    plugin = _prepare(request, find, type_)
    plugin.delegate.check(plugin.call(scene, request.conf.prev_result))
    return b""


def _delete(request: Request, find: Find, type_: str, scene: Scene) -> bytes:
    plugin = _prepare(request, find, type_)
    plugin.farewell(scene, request.conf.prev_result)
    plugin.delegate.delete(plugin.call(scene, request.conf.prev_result))
    return b""


def _gc(request: Request, find: Find, type_: str, scene: Scene) -> bytes:
    if request.conf.valid_attachments is None:
        return b""  # nobody said what is valid: then nothing is known to be stale
    plugin = _prepare(request, find, type_)
    plugin.delegate.gc(plugin.call(scene, None))
    return b""


def _status(request: Request, find: Find, type_: str, scene: Scene) -> bytes:
    plugin = _prepare(request, find, type_)
    plugin.delegate.status(plugin.call(scene, None))
    return b""


VERBS: Mapping[Verb, Callable[[Request, Find, str, Scene], bytes]] = {
    Verb.ADD: _add,
    Verb.CHECK: _check,
    Verb.DEL: _delete,
    Verb.GC: _gc,
    Verb.STATUS: _status,
}
