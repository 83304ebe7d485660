"""What a request found on the node: links, and the addresses that host-local has given by then.

Looked at when the request has ended, and only for one that is kept. What it made itself is gone by then where it
failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from multinet.errors import MultinetError
from multinet.kernel import addresses, links
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace

MOST_LINKS: Final = 128
"""Of one namespace. A node has a few dozen beside its pods' ends, which are left out."""
MOST_RESERVED: Final = 1024
"""Addresses of one network."""
PODS_END: Final = "veth"
HOST_LOCAL: Final = "host-local"
DATA_DIR: Final = "/var/lib/cni/networks"
"""Where host-local keeps them unless told otherwise."""
LAST: Final = "last_reserved_ip."


def of_links(namespace: Namespace, *, veths: bool) -> list[dict[str, Any]]:
    """Raises MultinetError."""
    found = [link for link in links.dump(namespace.rtnl) if link.name != "lo"]
    names = {link.index: link.name for link in found}
    wanted = [link for link in found if veths or link.kind != PODS_END][:MOST_LINKS]
    held: dict[int, list[str]] = {}
    for one in addresses.dump(namespace.rtnl):
        held.setdefault(one.index, []).append(str(one.address))
    return [_link(link, names, held.get(link.index, [])) for link in wanted]


def _link(link: Link, names: Mapping[int, str], held: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": link.name,
        "kind": link.kind,
        "mac": link.mac,
        "mtu": link.mtu,
        "up": link.up,
        "master": names.get(link.master, ""),
        "parent": names.get(link.parent, "") if link.link_netnsid is None else "",
        "addresses": held,
        "info": {key: value for key, value in link.info.items() if isinstance(value, str | int)},
    }
    return told


def reservations(configurations: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each network whose addresses host-local gives. ``configurations``: lists, or single plugins."""
    found = {}
    for one in configurations:
        name = str(one.get("name", ""))
        for data_dir in _folders(one.get("plugins") or [one]):
            found[data_dir, name] = _reserved(Path(data_dir) / name)
    return [{"network": name, "dataDir": data_dir, **told} for (data_dir, name), told in found.items()]


def _folders(plugins: Any) -> Iterator[str]:
    for plugin in plugins if isinstance(plugins, list) else ():
        ipam = plugin.get("ipam") if isinstance(plugin, Mapping) else None
        if isinstance(ipam, Mapping) and ipam.get("type") == HOST_LOCAL:
            yield str(ipam.get("dataDir") or DATA_DIR)


def _reserved(folder: Path) -> dict[str, Any]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # nothing was ever given
        names = []
    last = {}
    for name in names:
        if name.startswith(LAST):
            with suppress(OSError):
                last[name] = (folder / name).read_text(errors="replace").strip()
    taken = [name for name in names if not name.startswith(LAST) and name != "lock"]
    return {"taken": taken[:MOST_RESERVED], "last": last, "more": max(0, len(taken) - MOST_RESERVED)}


def seen(namespace: Namespace | None, *, veths: bool) -> list[dict[str, Any]] | None:
    """None where it can't be looked at."""
    if namespace is None:
        return None
    try:
        return of_links(namespace, veths=veths)
    except (MultinetError, OSError):
        return None
