"""The configuration of static: four places may name addresses, and the later ones replace the earlier.

ipam.addresses and CNI_ARGS IP    together
args.cni.ips                      replaces those
runtimeConfig.ips                 replaces all
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import CIDR, DNS, IP, Address, Route
from multinet.cni.versions import at_least
from multinet.cni.wire import dns_from_json, routes_from_json
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, inside

SCHEMA = Schema.of(__package__)

HINT = "such as 10.1.2.3/24 or fd00::3/64"


@dataclass(frozen=True, kw_only=True, slots=True)
class StaticConf:
    """``fault`` is what was wrong where nobody minds: DEL and GC have nothing to do here, so they do it."""

    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = field(default_factory=DNS)
    fault: InvalidConfig | None = None


def parse(conf: NetConf, args: Args) -> StaticConf:
    try:
        return _parse(conf, args)
    except InvalidConfig as error:
        if not args.lenient:
            raise
        return StaticConf(fault=error)


def _parse(conf: NetConf, args: Args) -> StaticConf:
    raw = SCHEMA.read(conf.raw)
    ipam = raw.get("ipam")
    if ipam is None:
        raise InvalidConfig("IPAM config missing 'ipam' key", hint="static reads its addresses there")
    addresses = _addresses(raw, ipam, args)
    _check_version(addresses, conf.version)
    with inside(".ipam"):
        return StaticConf(addresses=addresses, routes=routes_from_json(ipam), dns=dns_from_json(ipam))


def _addresses(raw: Mapping[str, Any], ipam: Mapping[str, Any], args: Args) -> tuple[Address, ...]:
    from_args = _from_args(args)
    if ips := raw.get("runtimeConfig", {}).get("ips"):
        return _ips(ips, ".runtimeConfig")
    if ips := raw.get("args", {}).get("cni", {}).get("ips"):
        return _ips(ips, ".args.cni")
    return _configured(ipam.get("addresses", ())) + from_args


def _configured(listed: Sequence[Mapping[str, Any]]) -> tuple[Address, ...]:
    found = []
    for index, one in enumerate(listed):
        with inside(f".ipam.addresses[{index}]"):
            gateway: IP | None = None
            if text := one.get("gateway"):
                with inside(".gateway"):
                    gateway = parse_ip(text)
            address = _cidr(one.get("address", ""), "the 'address' field is expected to be")
            found.append(Address(address=address, gateway=gateway))
    return tuple(found)


def _from_args(args: Args) -> tuple[Address, ...]:
    """``IP=a/l,b/l;GATEWAY=g,h``: a gateway is for the addresses named with it whose subnet holds it."""
    given = args.known("IP", "GATEWAY")
    found = [
        Address(address=_cidr(text.strip(), "the 'ip' field is expected to be"))
        for text in _listed(given.get("IP", ""))
    ]
    for text in _listed(given.get("GATEWAY", "")):
        try:
            gateway = parse_ip(text.strip())
        except InvalidConfig as error:
            raise InvalidConfig(f"invalid gateway address: {text}", hint=error.hint) from None
        found = [replace(one, gateway=gateway) if gateway in one.address.network else one for one in found]
    return tuple(found)


def _listed(text: str) -> list[str]:
    return text.split(",") if text else []


def _ips(listed: Sequence[str], path: str) -> tuple[Address, ...]:
    found = []
    for index, text in enumerate(listed):
        with inside(f"{path}.ips[{index}]"):
            found.append(Address(address=_cidr(text, "an entry in the 'ips' field is NOT")))
    return tuple(found)


def _cidr(text: str, refusal: str) -> CIDR:
    try:
        return parse_cidr(text)
    except InvalidConfig:
        raise InvalidConfig(f"{refusal} in CIDR notation, got: '{text}'", hint=HINT) from None


def _check_version(addresses: tuple[Address, ...], version: str) -> None:
    families = [one.address.version for one in addresses]
    if len(set(families)) < len(families) and not at_least(version, "0.3.0"):
        raise InvalidConfig(
            f"CNI version {version} does not support more than 1 address per family",
            hint="leave one address a family, or set cniVersion to 0.3.0 or newer",
        )
