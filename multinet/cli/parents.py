"""What only shows on the node itself: whether the links that a network stands on are there, and carry its MTU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from multinet.cni import jsonkeys
from multinet.cni.netconf import NetConf
from multinet.delegate import host_link
from multinet.delegate.registry import schema
from multinet.errors import MultinetError
from multinet.kernel.masters import check_mtu, find_master
from multinet.kernel.namespace import Namespace

KEYS: Final = ("master", "mtu", "hostLink", "linkInContainer")


def parent_faults(conf: NetConf, host: Namespace) -> Iterator[MultinetError]:
    """Of a plugin that stands on a link of the host: what ADD would say of that. A link that is made on demand need
    not be there.
    """
    document = schema(conf.type)
    if document is None or not {"master", "mtu"} <= document.get("properties", {}).keys():
        return
    raw = jsonkeys.fold(conf.raw, KEYS)
    in_container = bool(raw.get("linkInContainer"))
    name = raw.get("master") or ""
    if in_container or host_link.of_master(name, raw.get("hostLink"), in_container=False, lenient=True):
        return
    try:
        check_mtu(raw.get("mtu") or 0, find_master(host, name))
    except MultinetError as error:
        yield error
