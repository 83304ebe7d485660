"""The configuration that a container's plugin was given, kept until DEL: the reference's file, by its name.

That name is the container's id, so of a pod's attachments to two flannel networks the reference keeps only the
later. Here a further network's file has a name of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from multinet import files
from multinet.cni.netconf import NetConf
from multinet.errors import MultinetError

SEPARATOR = ":"
"""No container id has one."""

FOLDER_MODE = 0o700
FILE_MODE = 0o600
"""The reference's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    path: str
    conf: NetConf | None
    """None where the file can't be read: a machine that lost its power may have left an empty one."""

    def is_of(self, network: str) -> bool:
        return self.conf is None or self.conf.name == network


def path_for(data_dir: str, container_id: str, network: str) -> str:
    """Where a new one is to be kept: not where another network's is."""
    first = _load(_first(data_dir, container_id))
    if first is None or first.is_of(network):
        return _first(data_dir, container_id)
    return _further(data_dir, container_id, network)


def save(path: str, conf: NetConf) -> None:
    text = json.dumps(conf.raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    files.make_dirs(os.path.dirname(path), FOLDER_MODE)
    files.write_atomic(path, text.encode(), FILE_MODE)


def find(data_dir: str, container_id: str, network: str) -> Saved | None:
    further = _load(_further(data_dir, container_id, network))
    if further is not None:
        return further
    first = _load(_first(data_dir, container_id))
    return first if first is not None and first.is_of(network) else None


def forget(path: str) -> None:
    files.remove(path)
    files.remove(files.temporary(path))


def forget_unfinished(data_dir: str, container_id: str, network: str) -> None:
    """What a process that died while it saved has left."""
    for path in (_first(data_dir, container_id), _further(data_dir, container_id, network)):
        if os.path.lexists(files.temporary(path)):
            files.remove(files.temporary(path))


def stale(data_dir: str, network: str, containers: Collection[str]) -> Iterator[str]:
    """The paths of that network's files of no such container, and of whatever nobody goes on writing."""
    for file in sorted(Path(data_dir).glob("[!.]*")):
        saved = _load(str(file))
        known = saved is not None and saved.conf is not None and saved.conf.name == network
        if known and file.name.partition(SEPARATOR)[0] not in containers:
            yield str(file)
    yield from map(str, files.older(data_dir, ".*.tmp", files.UNFINISHED_SECONDS))


def _first(data_dir: str, container_id: str) -> str:
    return os.path.join(data_dir, container_id)


def _further(data_dir: str, container_id: str, network: str) -> str:
    return os.path.join(data_dir, f"{container_id}{SEPARATOR}{network}")


def _load(path: str) -> Saved | None:
    if not os.path.isfile(path):
        return None
    try:
        conf = NetConf.parse(files.read(path))
    except MultinetError:
        return Saved(path=path, conf=None)
    return Saved(path=path, conf=conf if conf.type else None)
