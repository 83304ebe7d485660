"""The configuration of host-local: whence the range sets and the requested addresses come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from delegates.ipam.host_local.ranges import RangeSet, read_sets
from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import IP, Route
from multinet.cni.versions import at_least
from multinet.cni.wire import routes_from_json
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, inside

SCHEMA = Schema.of(__package__)

DATA_DIR = "/var/lib/cni/networks"


@dataclass(frozen=True, kw_only=True, slots=True)
class HostLocalConf:
    """``requested`` holds no address twice; ``resolv_conf`` is "" for none."""

    sets: tuple[RangeSet, ...]
    requested: tuple[IP, ...]
    routes: tuple[Route, ...]
    data_dir: str
    resolv_conf: str


def parse(conf: NetConf, args: Args) -> HostLocalConf:
    requested = _requested(conf.once(checked), args)
    found = conf.once(read)
    return replace(found, requested=requested) if requested else found


def checked(conf: NetConf) -> Mapping[str, Any]:
    raw = SCHEMA.read(conf.raw)
    if raw.get("ipam") is None:
        raise InvalidConfig("IPAM config missing 'ipam' key", hint="host-local reads its ranges there")
    return raw


def read(conf: NetConf) -> HostLocalConf:
    """All but the requested addresses, which CNI_ARGS may name too."""
    raw = conf.once(checked)
    ipam = raw["ipam"]
    sets = _sets(ipam, raw.get("runtimeConfig", {}))
    _check_version(sets, conf.version)
    with inside(".ipam"):
        routes = routes_from_json(ipam)
    return HostLocalConf(
        sets=sets,
        requested=(),
        routes=routes,
        data_dir=ipam.get("dataDir") or DATA_DIR,
        resolv_conf=ipam.get("resolvConf", ""),
    )


def _sets(ipam: Mapping[str, Any], runtime: Mapping[str, Any]) -> tuple[RangeSet, ...]:
    """The runtime's first, then the old form (a range beside the other keys), then ``ranges``."""
    listed = _listed(runtime.get("ipRanges", ()), ".runtimeConfig.ipRanges")
    if ipam.get("subnet"):
        listed.append([(".ipam", ipam)])
    listed += _listed(ipam.get("ranges", ()), ".ipam.ranges")
    if not listed:
        raise InvalidConfig("no IP ranges specified", hint="give ipam.ranges at least one range set")
    return read_sets(listed)


def _listed(sets: list[list[Any]], path: str) -> list[list[tuple[str, Mapping[str, Any]]]]:
    return [
        [(f"{path}[{number}][{index}]", one) for index, one in enumerate(ranges)]
        for number, ranges in enumerate(sets)
    ]


def _requested(raw: Mapping[str, Any], args: Args) -> tuple[IP, ...]:
    """All three sources add up, and a length does not matter. To release it does not matter what was asked
    for, so then (``lenient``) nothing of it is read."""
    if args.lenient:
        return ()
    wanted: list[IP] = []
    if text := args.known("IP").get("IP"):
        try:
            wanted.append(_address(text))
        except InvalidConfig:
            raise args.wrong("IP", f"invalid IP address {text}") from None
    for path, listed in (
        (".args.cni.ips", raw.get("args", {}).get("cni", {}).get("ips", ())),
        (".runtimeConfig.ips", raw.get("runtimeConfig", {}).get("ips", ())),
    ):
        for index, text in enumerate(listed):
            with inside(f"{path}[{index}]"):
                wanted.append(_address(text))
    return tuple(dict.fromkeys(wanted))


def _address(text: str) -> IP:
    return parse_cidr(text).ip if "/" in text else parse_ip(text)


def _check_version(sets: tuple[RangeSet, ...], version: str) -> None:
    families = [one.version for one in sets]
    if len(set(families)) < len(families) and not at_least(version, "0.3.0"):
        raise InvalidConfig(
            f"CNI version {version} does not support more than 1 address per family",
            hint="leave one range set a family, or set cniVersion to 0.3.0 or newer",
        )
