"""The cluster's own network, in the folder that the container runtime reads its CNI configuration from.

It is what the runtime would use without us: the first file by name (libcni sorts names of ``.conf``,
``.conflist`` and ``.json`` alike). Not ours, and not one of another meta plugin: two of them would call each
other for ever. A first file that can't be read is no reason to take the second: more often than not it is half
written, and the pods of that moment would get another network than all others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from multinet.cni import versions
from multinet.cni.netconf import NetConfList
from multinet.config.agent import CONF_SUFFIXES
from multinet.errors import MultinetError, inside
from multinet.files import failure
from multinet.folder.configurations import FolderFiles
from multinet.npwg import confdir

OWN_PREFIX: Final = "00-multinet"
"""What every version of ours calls its file, unless it is told another name."""

MULTUS_PREFIX: Final = "00-multus"
"""Multus's file; some versions leave it empty when they find the cluster's own half written."""

META_TYPES: Final = frozenset({"multinet", "danm", "genie"})
META_PREFIX: Final = "multus"
"""multus, multus-shim, multus-cni"""

SETTLED_SECONDS: Final = 2.0
"""A file that was changed more recently is read again at the next look: what is written twice within one tick of
the file system's clock has the same time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a look at a folder and at the folders in it shows, without reading a file."""

    marks: tuple[tuple[str, int, int, int], ...]
    """(path, time of the last change in ns, size, inode) of each configuration."""
    settled: bool
    """Has nothing been changed in the last moments?"""

    def names(self) -> list[str]:
        return [path for path, *_ in self.marks if "/" not in path]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The file that holds the cluster's own network, and what is in it."""

    path: Path | None = None
    """None: there is none."""
    conflist: NetConfList | None = None
    """None: it can't be used; ``problem`` says why."""
    problem: str = ""
    passed_over: tuple[str, ...] = ()
    """Files of other meta plugins."""


def look(folder: Path, *, also: str = "") -> Listing:
    """``also``: a name that counts as a configuration's, whatever it ends in. Raises IOFailure; a folder that is
    not there is empty.
    """
    try:
        marks = sorted(_marks(folder, "", (*CONF_SUFFIXES, also) if also else CONF_SUFFIXES))
    except OSError as error:
        raise failure("read the folder", folder, error) from error
    newest = max((changed for _, changed, *_ in marks), default=0) / 1e9
    return Listing(marks=tuple(marks), settled=newest < time.time() - SETTLED_SECONDS)


def choose(folder: Path, names: list[str], *, pinned: str, own: str) -> Choice:
    """The first of ``names`` that may be the cluster's own, or the one that is ``pinned``."""
    passed_over = []
    for name in [pinned] if pinned else names:
        if not pinned and is_own(name, own):
            continue
        path = folder / name
        if name not in names:
            return Choice(problem=f"{path} is not there, and the settings name it")
        try:
            found = confdir.read(name, FolderFiles(folder))
            with inside(name):
                versions.parse(found.version)
        except MultinetError as error:
            if name.startswith(MULTUS_PREFIX) and not pinned:
                passed_over.append(name)
                continue
            said = str(error).splitlines()[0]
            problem = f"{folder}/{said}" if error.place else said
            return Choice(path=path, problem=problem, passed_over=tuple(passed_over))
        if not is_meta(found):
            return Choice(path=path, conflist=found, passed_over=tuple(passed_over))
        passed_over.append(name)
        if pinned:
            return Choice(path=path, problem=f"{path} is a meta plugin's, and the settings name it")
    return Choice(
        problem=f"no configuration of the cluster's own network is in {folder}",
        passed_over=tuple(passed_over),
    )


def is_own(name: str, own: str) -> bool:
    return name == own or name.startswith(OWN_PREFIX)


def is_meta(conflist: NetConfList) -> bool:
    types = [str(plugin.get("type")) for plugin in conflist.plugins]
    return any(type_ in META_TYPES or type_.startswith(META_PREFIX) for type_ in types)


def _marks(folder: Path, below: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, int, int, int]]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            try:
                is_dir = entry.is_dir()
                stat = entry.stat()
            except FileNotFoundError:
                continue  # it has gone meanwhile, or is a link to nowhere
            if is_dir and not below:
                yield from _marks(folder / entry.name, f"{entry.name}/", (".conf",))
            elif not is_dir and entry.name.endswith(suffixes):
                yield below + entry.name, stat.st_mtime_ns, stat.st_size, stat.st_ino
