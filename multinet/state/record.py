"""A sandbox's record as JSON. ``version`` is raised when a reader of the older form could go wrong."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, NoReturn

from multinet.cni.netconf import NetConfList
from multinet.cni.types import Result
from multinet.cni.versions import CURRENT
from multinet.cni.wire import result_from_json, result_to_dict
from multinet.errors import DecodingFailure, MultinetError, NewerRecord
from multinet.plan import Attachment, Phase, Plan, Pod, Record

VERSION = 1

# Plain data, made here: nothing in it can contain itself, and looking for that is a third of the time.
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

_SUM = b',"crc32":%d}'
_SUMMED = re.compile(rb',"crc32":([0-9]{1,10})\}\Z')
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def to_json(record: Record) -> bytes:
    plan = record.plan
    document = {
        "version": VERSION,
        "phase": record.phase.value,
        "bootID": record.boot_id,
        "containerID": plan.container_id,
        "ifname": plan.ifname,
        "netns": plan.netns,
        "pod": _pod_to_json(plan.pod),
        "namesNetworks": plan.names_networks,
        "attachments": [
            _attachment_to_json(attachment, record.results.get(attachment.ifname))
            for attachment in plan.attachments
        ],
    }
    text = _encode(document).encode()
    return text[:-1] + _SUM % zlib.crc32(text)


def from_json(data: bytes) -> Record:
    """Raises NewerRecord, and DecodingFailure for anything that ``to_json`` did not write.

    One flipped bit may make another bridge or another address of what is sound otherwise, and its DEL would take that
    from somebody else; so the last member is the checksum of all before it. (Releases before 1.0 wrote none.)
    """
    try:
        _check_sum(data)
        document = _decode(data.decode())
        version = document["version"]
        if isinstance(version, int) and version > VERSION:
            raise NewerRecord(
                f"the record has version {version}, this multinet reads {VERSION}",
                hint="a newer multinet wrote it: run that one, or remove the record after the pod is gone",
            )
        if version != VERSION:
            raise ValueError(f"no record has the version {version!r}")
        plan = Plan(
            container_id=_text(document["containerID"]),
            ifname=_text(document["ifname"]),
            netns=_text(document["netns"]),
            pod=_pod_from_json(document["pod"]),
            attachments=tuple(_attachment_from_json(one) for one in document["attachments"]),
            names_networks=bool(document["namesNetworks"]),
        )
        results = {
            one["ifname"]: result_from_json(one["result"], CURRENT)
            for one in document["attachments"]
            if "result" in one
        }
        phase = Phase(document["phase"])
        if phase is Phase.DONE and results.keys() != {one.ifname for one in plan.attachments}:
            raise ValueError("it is done, but not every network has a result")
        return Record(plan=plan, phase=phase, boot_id=_text(document["bootID"]), results=results)
    except NewerRecord:
        raise
    except MultinetError as error:
        raise DecodingFailure(f"the record is damaged: {error.sentence}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DecodingFailure("the record is damaged", details=f"{type(error).__name__}: {error}") from error


def _check_sum(data: bytes) -> None:
    found = _SUMMED.search(data)
    if found is not None and int(found[1]) != zlib.crc32(data[: found.start()] + b"}"):
        raise ValueError("it is not what was written: the checksum is another")
    if _HALF_PAIR.search(data):
        raise ValueError("it holds half of a surrogate pair, which is never written")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {value!r}")
    return value


def _pod_to_json(pod: Pod | None) -> dict[str, str] | None:
    return {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid} if pod else None


def _pod_from_json(document: Any) -> Pod | None:
    if document is None:
        return None
    return Pod(
        namespace=_text(document["namespace"]), name=_text(document["name"]), uid=_text(document["uid"])
    )


def _attachment_to_json(attachment: Attachment, result: Result | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "network": attachment.network,
        "ifname": attachment.ifname,
        "config": attachment.conflist.to_dict(),
        "args": attachment.args,
        "isDefault": attachment.is_default,
    }
    optional: dict[str, Any] = {
        "capabilityArgs": dict(attachment.capability_args),
        "cniArgs": dict(attachment.cni_args),
        "deviceID": attachment.device_id,
        "resource": attachment.resource,
        "deviceInfoFile": attachment.device_info_file,
        "ips": list(attachment.ips),
        "mac": attachment.mac,
    }
    document |= {key: value for key, value in optional.items() if value}
    if attachment.default_route is not None:
        document["defaultRoute"] = [str(gateway) for gateway in attachment.default_route]
    if result is not None:
        document["result"] = result_to_dict(result, CURRENT)
    return document


def _attachment_from_json(document: Mapping[str, Any]) -> Attachment:
    routes = document.get("defaultRoute")
    return Attachment(
        network=_text(document["network"]),
        ifname=_text(document["ifname"]),
        conflist=NetConfList.of(document["config"]),
        args=_text(document["args"]),
        is_default=bool(document["isDefault"]),
        capability_args=dict(document.get("capabilityArgs", {})),
        cni_args=dict(document.get("cniArgs", {})),
        device_id=_text(document.get("deviceID", "")),
        resource=_text(document.get("resource", "")),
        device_info_file=_text(document.get("deviceInfoFile", "")),
        default_route=None if routes is None else tuple(ip_address(gateway) for gateway in routes),
        ips=tuple(map(_text, document.get("ips", ()))),
        mac=_text(document.get("mac", "")),
    )
