"""``python -m multinet``: the meta plugin as a CNI executable, without a daemon, over a folder of YAML.

The composition root of that mode: it opens the doors to the folder, the disk and the kernel, and hands them
to the verbs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from multinet import __version__, log, streams
from multinet.cni import answer
from multinet.cni.request import Request, Verb, require_verb_version
from multinet.cni.versions import SUPPORTED, reconcile, version_answer
from multinet.config import Settings
from multinet.deadline import Deadline
from multinet.delegate.executable import Here
from multinet.delegate.host_links import HostLinks
from multinet.delegate.registry import Registry
from multinet.delegate.scene import open_scene
from multinet.delegate.serve import Answer
from multinet.errors import InvalidConfig
from multinet.folder.cluster import FolderCluster
from multinet.folder.configurations import ConfigurationFiles
from multinet.state.attachments import Attachments
from multinet.state.device_info import DeviceInfoFolder
from multinet.state.multus import WithMultus
from multinet.verbs.add import add
from multinet.verbs.check import check
from multinet.verbs.delete import delete
from multinet.verbs.gc import gc
from multinet.verbs.node import Node
from multinet.verbs.status import status

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def open_node(request: Request, settings: Settings, environ: Mapping[str, str]) -> Node:
    """Every door a verb needs, for one request."""
    if settings.folder is None:
        raise InvalidConfig(
            "no cluster is named: 'folder' is missing",
            hint="name the folder of YAML files that holds the pods and definitions",
        )
    deadline = Deadline.never()
    registry = Registry(
        path=tuple(dict.fromkeys((settings.bin_dir, *request.path))),
        environ=environ,
        executables=settings.executables,
        runner=Here(deadline),
    )
    host_links = HostLinks(settings.host_links_dir, types=settings.host_links, warn=log.warn)
    return Node(
        settings=settings,
        records=WithMultus(
            Attachments(settings.state_dir),
            settings.multus_dir,
            settings.runtime_cache_dir,
            settings.device_info_dir,
        ),
        cluster=FolderCluster(settings.folder),
        configurations=ConfigurationFiles(settings.conf_dir),
        device_info=DeviceInfoFolder(settings.device_info_dir),
        find_delegate=registry.find,
        open_scene=partial(open_scene, host_links=host_links),
        boot_id=BOOT_ID.read_text(encoding="ascii").strip(),
        deadline=deadline,
    )


def serve(env: Mapping[str, str], stdin: bytes | Callable[[], bytes]) -> Answer:
    """Answer one request. Never raises an ``Exception``."""
    try:
        return Answer(stdout=_serve(env, stdin), exit_code=0)
    except Exception as error:
        return Answer(stdout=answer.failure(error), exit_code=1)


def _serve(env: Mapping[str, str], stdin: bytes | Callable[[], bytes]) -> bytes:
    request = Request.parse(env, stdin)
    if request.verb is Verb.VERSION:
        return version_answer(SUPPORTED)
    conf = request.conf
    require_verb_version(request.verb, conf.version, SUPPORTED)
    reconcile(conf.version, SUPPORTED)
    settings = Settings.parse(conf.raw)
    log.set_up(settings.log_level)
    node = open_node(request, settings, env)
    pod = f"{request.args.get('K8S_POD_NAMESPACE')}/{request.args.get('K8S_POD_NAME')}"
    with log.verb(request.verb.value, container=request.container_id, ifname=request.ifname, pod=pod):
        if request.verb is Verb.ADD:
            return add(request, node)
        OTHERS[request.verb](request, node)
    return b""


OTHERS: Mapping[Verb, Callable[[Request, Node], None]] = {
    Verb.CHECK: check,
    Verb.DEL: delete,
    Verb.GC: gc,
    Verb.STATUS: status,
}


def main() -> int:
    streams.claim()
    if not os.environ.get("CNI_COMMAND"):
        print(answer.about("multinet", __version__), file=sys.stderr)
        return 0
    done = serve(os.environ, streams.read)
    return done.exit_code if streams.answer(done.stdout) else 1


if __name__ == "__main__":
    sys.exit(main())
