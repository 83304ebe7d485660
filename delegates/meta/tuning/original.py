"""What a link was like before tuning, remembered on disk until DEL: the reference's file, by its name, in its words.

One that is there already belongs to a tuning before this one in the list, or to an ADD that died: what it says was
earlier, and stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from delegates.meta.tuning.conf import TuningConf
from multinet import damaged, files
from multinet.cni import jsonkeys
from multinet.errors import DecodingFailure, IOFailure
from multinet.kernel import links
from multinet.kernel.links import Link
from multinet.kernel.rtnl import Message

KEYS = frozenset({"mac", "promisc", "mtu", "allmulti", "txQLen"})
Values = Mapping[str, Any]
"""Those of ``KEYS`` that were changed."""

FOLDER_MODE = 0o700
"""The reference makes it 0600, and so keeps out a root that has not all capabilities."""


def path_of(data_dir: str, container_id: str, ifname: str) -> str:
    return f"{data_dir}/{container_id}_{ifname}.json"


def values_of(link: Link, conf: TuningConf) -> Values:
    """Of ``link`` those that ``conf`` changes."""
    found: dict[str, Any] = {}
    if conf.mac:
        found["mac"] = link.mac
    if conf.promisc:
        found["promisc"] = link.promisc
    if conf.mtu:
        found["mtu"] = link.mtu
    if conf.allmulti is not None:
        found["allmulti"] = link.allmulti
    if conf.txqlen is not None:
        found["txQLen"] = link.txqlen
    return found


def remember(path: str, values: Values, earlier: Values) -> None:
    folder = path.rpartition("/")[0]
    files.make_dirs(folder, FOLDER_MODE)
    _enter(folder)
    files.write_atomic(path, json.dumps({**values, **earlier}, indent=1).encode())


def recall(path: str) -> Values:
    """Nothing where there is no such file, or none that tells anything."""
    try:
        _enter(path.rpartition("/")[0])
        data = files.read(path)
    except files.NoFile as error:
        damaged.put_aside(path, None, error)
        return {}
    except IOFailure:
        return {}
    try:
        found = jsonkeys.load(data)
        if not isinstance(found, dict):
            raise DecodingFailure(f"expected an object, got {jsonkeys.kind(found)}")
    except DecodingFailure as error:
        damaged.put_aside(path, data, f"what a link was like is damaged: {error.sentence}")
        return {}
    sound = {key: value for key, value in found.items() if _is_one(key, value)}
    if odd := sorted((found.keys() & KEYS) - sound.keys()):
        damaged.put_aside(path, data, f"what a link was like is damaged: {', '.join(odd)}")
    return sound


def _enter(folder: str) -> None:
    """The reference makes the folder above as it makes this one."""
    for place in (folder.rpartition("/")[0], folder):
        files.let_owner_in(place)


def _is_one(key: str, value: object) -> bool:
    match key:
        case "mac":
            return isinstance(value, str) and value != ""
        case "mtu" | "txQLen":
            return type(value) is int
        case "promisc" | "allmulti":
            return type(value) is bool
    return False


def forget(path: str) -> None:
    files.remove(path)
    files.remove(files.temporary(path))


def messages(link: Link, values: Values) -> list[Message]:
    """What makes ``link`` so again."""
    found = []
    if "mtu" in values:
        found.append(links.set_mtu(link, values["mtu"]))
    if "mac" in values:
        found.append(links.set_mac(link, values["mac"]))
    if "promisc" in values:
        found.append(links.set_promisc(link, values["promisc"]))
    if "allmulti" in values:
        found.append(links.set_allmulti(link, values["allmulti"]))
    if "txQLen" in values:
        found.append(links.set_txqlen(link, values["txQLen"]))
    return found
