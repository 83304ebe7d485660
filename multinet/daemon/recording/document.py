"""A request with its answers as one JSON document. ``format`` is raised when a reader of the older could go wrong.

What was answered with an error stands there as ``{"raised": ...}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from multinet import __version__
from multinet.cni.netconf import NetConfList
from multinet.cni.request import Verb
from multinet.config import Settings
from multinet.config.reload import values
from multinet.daemon.recording import facts
from multinet.daemon.recording.notes import Notes, Raised
from multinet.daemon.server import Served
from multinet.errors import MultinetError
from multinet.kernel.namespace import Namespace
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.plan import Pod
from multinet.state import record
from multinet.verbs.node import Records

FORMAT: Final = 1
VARIABLES: Final = "CNI_"
"""How those of the environment begin that mean something; nothing else of it is kept."""


def of(served: Served, notes: Notes, settings: Settings, host: Namespace) -> dict[str, Any]:
    call = served.call
    return {
        "format": FORMAT,
        "multinet": __version__,
        "kernel": os.uname().release,
        "env": {key: value for key, value in call.env.items() if key.startswith(VARIABLES)},
        "stdin": parsed(call.stdin),
        "netnsErrno": call.netns_errno,
        "settings": settings_to_json(settings),
        "ready": settings.readiness_indicator_file is None or settings.readiness_indicator_file.exists(),
        "pod": _pod(notes.pod),
        "definitions": {name: _definition(one) for name, one in notes.definitions.items()},
        "devices": _plain(notes.devices),
        "primary": _conflist(notes.primary),
        "files": {name: content.decode(errors="replace") for name, content in notes.files.items()},
        "named": {path: _conflist(one) for path, one in notes.named.items()},
        "programs": [{key: _said(value) for key, value in one.items()} for one in notes.programs],
        "published": notes.published,
        "node": {
            "links": facts.seen(host, veths=False),
            "podLinks": _pod_links(served),
            "reservations": facts.reservations(_configurations(notes)),
        },
    }


def record_of(env: Mapping[str, str], records: Records) -> Any:
    """What is on record of the container when the request has ended: of a DEL that failed, what it is to clear. What
    an ADD left is not what it found.
    """
    if env.get("CNI_COMMAND") == Verb.ADD:
        return None
    container_id, ifname = env.get("CNI_CONTAINERID", ""), env.get("CNI_IFNAME", "")
    with suppress(MultinetError):
        found = records.find(container_id, ifname) if container_id and ifname else None
        return json.loads(record.to_json(found)) if found is not None else None
    return None


def settings_to_json(settings: Settings) -> dict[str, Any]:
    """As the file has them, those that are not empty."""
    told: dict[str, Any] = {}
    for key, value in values(settings).items():
        if value is None or value == "":
            continue
        group, _, rest = key.rpartition(".")
        (told.setdefault(group, {}) if group else told)[rest] = _plain(value)
    return told


def parsed(text: bytes) -> Any:
    """As JSON, or where it is none, as text."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return text.decode(errors="replace")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _said(value: Any) -> Any:
    return parsed(value) if isinstance(value, bytes) else value


def _pod(one: Pod | Raised | None) -> Any:
    if isinstance(one, Pod):
        return {
            "namespace": one.namespace,
            "name": one.name,
            "uid": one.uid,
            "annotations": dict(one.annotations),
        }
    return one


def _definition(one: NetworkAttachmentDefinition | Raised | None) -> Any:
    if isinstance(one, NetworkAttachmentDefinition):
        return {"config": one.config, "resourceName": one.resource_name}
    return one


def _conflist(one: NetConfList | Raised | None) -> Any:
    return one.to_dict() if isinstance(one, NetConfList) else one


def _configurations(notes: Notes) -> Iterator[Mapping[str, Any]]:
    yield from (one.to_dict() for one in notes.conflists())
    for one in notes.definitions.values():
        if isinstance(one, NetworkAttachmentDefinition):
            config = parsed(one.config.encode())
            if isinstance(config, dict):
                yield {"name": one.name, **config}
    for content in notes.files.values():
        if isinstance(config := parsed(content), dict):
            yield config


def _pod_links(served: Served) -> Any:
    if len(served.fds) < 2:
        return None
    with suppress(MultinetError, OSError), Namespace.of_fd(served.fds[1], "the container's") as sandbox:
        return facts.seen(sandbox, veths=True)
    return None
