"""Multus's scratch file: the JSON list of what it delegated to, in order (types.DelegateNetConf), each with the
whole configuration in ``Bytes``; and what libcni remembers of each, put together to a record of ours.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multinet import log
from multinet.cni import jsonkeys
from multinet.cni.args import Args
from multinet.cni.names import META_PLUGINS
from multinet.cni.netconf import NetConfList
from multinet.errors import DecodingFailure, MultinetError
from multinet.npwg import device
from multinet.plan import Attachment, Phase, Plan, Pod, Record
from multinet.state.libcni import Cached

FIRST_IFNAME = "eth0"
"""What every runtime of Kubernetes calls a pod's first interface."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delegate:
    """One entry of the scratch file."""

    network: str
    ifname: str
    """"" where it is left to Multus's rule."""
    conflist: NetConfList | None
    """None where the entry does not hold it readably."""
    capability_args: Mapping[str, Any]
    resource: str
    """The resource that ``deviceID`` is of."""


def read_scratch(data: bytes) -> list[Delegate]:
    """Raises DecodingFailure."""
    said = jsonkeys.load(data)
    if not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        raise DecodingFailure("expected a list of at least one object")
    try:
        return [_delegate(one, master=place == 0) for place, one in enumerate(said)]
    except MultinetError as error:
        raise DecodingFailure(error.sentence) from error


def _delegate(said: Mapping[str, Any], *, master: bool) -> Delegate:
    network = jsonkeys.string(said, "Name")
    requests = {
        "mac": jsonkeys.string(said, "macRequest"),
        "ips": list(jsonkeys.items(said, "ipRequest")),
        "infinibandGUID": jsonkeys.string(said, "infinibandGUIDRequest"),
        "deviceID": jsonkeys.string(said, "deviceID"),
    }
    # The first network is told what the runtime asks for, the others what the annotation does.
    told = {key: value for key, value in requests.items() if value and (not master or key == "deviceID")}
    return Delegate(
        network=network,
        ifname=jsonkeys.string(said, "ifnameRequest"),
        conflist=_conflist(jsonkeys.string(said, "Bytes"), network),
        capability_args=told,
        resource=jsonkeys.string(said, "resourceName"),
    )


def _conflist(encoded: str, network: str) -> NetConfList | None:
    try:
        config = base64.b64decode(encoded, validate=True)
        return NetConfList.parse(config, default_name=network.rpartition("/")[2])
    except (ValueError, MultinetError):
        return None


def attached(
    delegates: Sequence[Delegate],
    cached: Sequence[Cached],
    container_id: str,
    ifname: str,
    device_info: Path,
) -> tuple[Attachment, ...]:
    """The networks in Multus's order, each with what libcni knows of it; then those that only libcni knows."""
    left = list(cached)
    neighbour = left[0].args if left else ""
    first = ifname or first_ifname(delegates, cached)
    found = []
    for place, one in enumerate(delegates):
        name = one.ifname or (f"net{place}" if place else first)
        known = _take(left, name, one.conflist)
        conflist = one.conflist or (known.conflist if known else None)
        if conflist is None or any(plugin["type"] in META_PLUGINS for plugin in conflist.plugins):
            log.warn(
                "a network of Multus's can't be read",
                container=container_id,
                network=one.network,
                ifname=name,
            )
            continue
        told = dict(known.capability_args if known else one.capability_args)
        if device_id := one.capability_args.get("deviceID"):
            told.setdefault("deviceID", device_id)
        if told.get("deviceID") and "CNIDeviceInfoFile" not in told:
            told["CNIDeviceInfoFile"] = str(device_info / device.cni_file(one.network, container_id, name))
        args = known.args if known else without_wishes(neighbour)
        found.append(_attachment(one.network, name, conflist, args, told, one.resource))
    rest = sorted(left, key=lambda one: (one.ifname != first, _natural(one.ifname)))
    found += [
        _attachment(one.conflist.name, one.ifname, one.conflist, one.args, one.capability_args)
        for one in rest
    ]
    return tuple(found)


def first_ifname(delegates: Sequence[Delegate], cached: Iterable[Cached]) -> str:
    """The interface that the runtime asked Multus for, which the scratch file does not tell."""
    others = {one.ifname or f"net{place}" for place, one in enumerate(delegates) if place}
    names = sorted(one.ifname for one in cached if one.ifname not in others)
    return names[0] if names and FIRST_IFNAME not in names else FIRST_IFNAME


def record_of(
    container_id: str,
    ifname: str,
    attachments: Sequence[Attachment],
    cached: Sequence[Cached],
    phase: Phase,
) -> Record:
    by_ifname = {one.ifname: one for one in cached}
    pairs = Args.parse(next((one.args for one in cached), ""), lenient=True)
    pod = None
    if pairs.get("K8S_POD_NAMESPACE") and pairs.get("K8S_POD_NAME"):
        pod = Pod(
            namespace=pairs.get("K8S_POD_NAMESPACE"),
            name=pairs.get("K8S_POD_NAME"),
            uid=pairs.get("K8S_POD_UID"),
        )
    return Record(
        plan=Plan(
            container_id=container_id,
            ifname=ifname or attachments[0].ifname,
            netns=next((one.netns for one in cached if one.netns), ""),
            pod=pod,
            attachments=tuple(attachments),
            names_networks=len(attachments) > 1,
        ),
        phase=phase,
        boot_id="",
        results={
            one.ifname: result
            for one in attachments
            if one.ifname in by_ifname and (result := by_ifname[one.ifname].result) is not None
        },
        foreign=True,
    )


def without_wishes(args: str) -> str:
    """The arguments of another network of the same pod, without those that were for that network alone."""
    return ";".join(pair for pair in args.split(";") if pair.partition("=")[0] not in ("IP", "MAC"))


def _attachment(
    network: str,
    ifname: str,
    conflist: NetConfList,
    args: str,
    told: Mapping[str, Any],
    resource: str = "",
) -> Attachment:
    file, device_id = told.get("CNIDeviceInfoFile"), told.get("deviceID")
    return Attachment(
        network=network,
        ifname=ifname,
        conflist=conflist,
        args=args,
        capability_args=told,
        device_id=device_id if isinstance(device_id, str) else "",
        resource=resource,
        device_info_file=file if isinstance(file, str) else "",
    )


def _take(left: list[Cached], ifname: str, conflist: NetConfList | None) -> Cached | None:
    for one in left:
        if one.ifname == ifname and (conflist is None or one.conflist.name == conflist.name):
            left.remove(one)
            return one
    return None


def _natural(name: str) -> tuple[str, int]:
    """``net2`` before ``net10``."""
    word, number = re.fullmatch(r"(.*?)(\d{0,9})", name, re.DOTALL).groups()  # type: ignore[union-attr]
    return word, int(number or 0)
