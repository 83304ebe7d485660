"""Which addresses an attachment has let through, and how: a file an attachment, in a folder of the plugin's.

The reference's rules of iptables and sources of firewalld tell nobody's name. This file does: so DEL finds what a
killed ADD made, also without a result and with the namespace gone; GC knows whose network it was; and of two
attachments with one address, the first to go leaves it to the other. Rules of nf_tables carry names and need none.

All of it is done under the lock of the folder, in which iptables is read and written, too: it has no transactions
over both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self, TypeAlias

from multinet import damaged, files
from multinet.cni import jsonkeys
from multinet.cni.types import IP
from multinet.errors import IOFailure, MultinetError
from multinet.locks import Lock

Passage: TypeAlias = tuple[IP, str]
"""An address, and the zone of firewalld that it is in; "" where iptables' rules let it through."""

FOLDER_MODE = 0o700
SUFFIX = ".json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    container_id: str
    ifname: str
    network: str
    passages: frozenset[Passage]

    @classmethod
    def read(cls, path: str) -> Self | None:
        """None where there is no such file, or none that tells anything."""
        try:
            data = files.read(path)
        except files.NoFile as error:
            damaged.put_aside(path, None, error)
            return None
        except IOFailure:
            return None
        try:
            found = jsonkeys.load(data)
            passages = frozenset((ip_address(ip), str(zone)) for ip, zone in found["passages"])
            return cls(
                container_id=str(found["containerID"]),
                ifname=str(found["ifname"]),
                network=str(found["network"]),
                passages=passages,
            )
        except (MultinetError, ValueError, KeyError, TypeError) as error:
            damaged.put_aside(path, data, f"what an attachment has let through is damaged: {error}")
            return None

    def path(self, data_dir: str) -> str:
        return path_of(data_dir, self.container_id, self.ifname)

    def write(self, data_dir: str) -> None:
        said: dict[str, Any] = {
            "network": self.network,
            "containerID": self.container_id,
            "ifname": self.ifname,
            "passages": sorted([str(ip), zone] for ip, zone in self.passages),
        }
        files.write_atomic(self.path(data_dir), json.dumps(said, indent=1).encode())


def path_of(data_dir: str, container_id: str, ifname: str) -> str:
    return f"{data_dir}/{container_id}_{ifname}{SUFFIX}"


def opened(data_dir: str) -> AbstractContextManager[object]:
    """The folder, made where there is none, and nobody else's meanwhile."""
    files.make_dirs(data_dir, FOLDER_MODE)
    return Lock(f"{data_dir}/lock")


def found(data_dir: str) -> AbstractContextManager[object]:
    """The same for DEL, which makes nothing."""
    return Lock(f"{data_dir}/lock") if os.path.isdir(data_dir) else nullcontext()


def forget(data_dir: str, container_id: str, ifname: str) -> None:
    path = path_of(data_dir, container_id, ifname)
    for name in (path, files.temporary(path)):
        if os.path.lexists(name):
            files.remove(name)


def entries(data_dir: str) -> Iterable[Entry]:
    try:
        names = os.listdir(data_dir)
    except OSError:
        return
    for name in names:
        if name.endswith(SUFFIX) and (entry := Entry.read(f"{data_dir}/{name}")):
            yield entry


def held_by_others(data_dir: str, container_id: str, ifname: str) -> frozenset[Passage]:
    """What the folder's other attachments have."""
    own = (container_id, ifname)
    others = [one.passages for one in entries(data_dir) if (one.container_id, one.ifname) != own]
    return frozenset().union(*others)
