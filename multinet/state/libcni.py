"""libcni's memory of an attachment: ``results/<network>-<container id>-<ifname>``, as others' runs of it left it.

Each file holds the whole configuration, the arguments and the result of one ADD ("cniCacheV1"). The name can't
be taken apart, since all three may hold dashes; what the file itself says counts. It is written in place, so
that a power cut leaves it cut, empty or full of zeros.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multinet import files, log
from multinet.cni import jsonkeys
from multinet.cni.netconf import NetConfList
from multinet.cni.types import Result
from multinet.cni.wire import result_from_json
from multinet.errors import DecodingFailure, MultinetError

KIND = "cniCacheV1"
LARGEST = 4 << 20
"""Bytes. One of these has a few thousand; what is bigger is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cached:
    """One attachment that somebody's libcni made."""

    file: Path
    container_id: str
    ifname: str
    conflist: NetConfList
    netns: str = ""
    args: str = ""
    """CNI_ARGS, in their order."""
    capability_args: Mapping[str, Any] = field(default_factory=dict)
    result: Result | None = None
    """None where it can't be read: libcni then deletes without, too."""

    @property
    def types(self) -> frozenset[str]:
        return frozenset(str(plugin["type"]) for plugin in self.conflist.plugins)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cache:
    """A folder of libcni's (``/var/lib/cni`` where nothing else was said)."""

    folder: Path

    def of_container(self, container_id: str) -> list[Cached]:
        """What is known of one container's attachments, by file name. Damaged files are told and left out."""
        read = (_read_or_warn(file) for file in self.files_of(container_id))
        return [one for one in read if one is not None and one.container_id == container_id]

    def files_of(self, container_id: str) -> list[Path]:
        """The files that may be of that container, by their names."""
        return self._files(f"-{container_id}-")

    def containers(self) -> set[str]:
        """Every container of which a readable file tells."""
        read = (_read_or_warn(file) for file in self._files())
        return {one.container_id for one in read if one is not None}

    def forget(self, container_id: str) -> None:
        """Remove what tells of the container, and what would but can't be read."""
        for file in self.files_of(container_id):
            one = _read_or_none(file)
            if one is None or one.container_id == container_id:
                files.remove(file)

    def _files(self, part: str = "") -> list[Path]:
        """Those with that in their name. There may be thousands, and every ADD looks here."""
        results = self.folder / "results"
        try:
            names = [name for name in os.listdir(results) if part in name]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            log.warn("libcni's cache can't be read", folder=str(results), error=error.strerror)
            return []
        return [results / name for name in sorted(names)]


def _read_or_none(file: Path) -> Cached | None:
    try:
        return read(file)
    except MultinetError:
        return None


def _read_or_warn(file: Path) -> Cached | None:
    try:
        return read(file)
    except MultinetError as error:
        log.warn("a file of libcni's cache can't be read", error=str(error))
        return None


def read(file: Path) -> Cached | None:
    """Raises IOFailure, DecodingFailure. None for one that is no more."""
    data = read_small(file)
    if data is None:
        return None
    try:
        said = jsonkeys.load(data)
        if not isinstance(said, dict) or said.get("kind") != KIND:
            raise DecodingFailure(f'expected an object of the kind "{KIND}"')
        conflist = NetConfList.parse(
            base64.b64decode(_text(said, "config"), validate=True), default_name=_text(said, "networkName")
        )
        return Cached(
            file=file,
            container_id=_text(said, "containerId"),
            ifname=_text(said, "ifName"),
            conflist=conflist,
            netns=_text(said, "netns", ""),
            args=";".join(f"{key}={value}" for key, value in said.get("cniArgs") or ()),
            capability_args=jsonkeys.mapping(said, "capabilityArgs") or {},
            result=_result(said, conflist),
        )
    except MultinetError as error:
        raise DecodingFailure(f"{file} is damaged: {error.sentence}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DecodingFailure(f"{file} is damaged: {error}") from error


def read_small(file: Path) -> bytes | None:
    """What a small regular file holds; None when there is none. Raises IOFailure, DecodingFailure."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            data = opened.read(LARGEST + 1)
    except (FileNotFoundError, IsADirectoryError):
        return None
    except OSError as error:
        raise files.failure("read", file, error) from error
    if len(data) > LARGEST:
        raise DecodingFailure(f"{file} has more than {LARGEST} bytes")
    return data


def _text(said: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = said[key] if default is None else said.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key}: expected a text, got {value!r}")
    return value


def _result(said: Mapping[str, Any], conflist: NetConfList) -> Result | None:
    result = said.get("result")
    if not isinstance(result, Mapping):
        return None
    try:
        return result_from_json(result, str(result.get("cniVersion") or conflist.version))
    except MultinetError:
        return None
