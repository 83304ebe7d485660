"""What a pod was given, told on the pod (multi-net-spec 1.3, section 5).

The reader everybody has is Multus's client library, so what it knows is written as Multus writes it:
addresses without prefix, ``gateway``, ``dns`` even when empty, ``default`` only when true. Beside it stand
the specification's ``default-route`` (the same gateways) and keys of our own, with a period as section 5.3
asks:

    dev.multinet.addresses        the addresses again, with their prefix lengths
    dev.multinet.routes           the routes: dst, gw, and mtu, advmss, priority, table, scope where set
    dev.multinet.host-interfaces  what it has on the node: the bridge, the near end of the veth
    dev.multinet.plugins          the CNI types that made it, in order
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any

from multinet.cni.types import CIDR, DNS, IP, Route
from multinet.errors import DecodingFailure
from multinet.npwg import device, positions, values
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.caret import Text
from multinet.npwg.device import DeviceInfo
from multinet.npwg.positions import Node
from multinet.npwg.reading import MAX_INT, Rule, boolean, expect, fields, integer, many, string

OWN = "dev.multinet."


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkStatus:
    """One attachment, or one interface of an attachment that made several."""

    name: str
    """``namespace/name`` of the definition, or the CNI name of a network that has none."""
    interface: str = ""
    ips: tuple[IP | CIDR, ...] = ()
    """With their prefix lengths where they are known: Multus doesn't tell them."""
    mac: str = ""
    mtu: int = 0
    default: bool = False
    """Is this the pod's default network?"""
    dns: DNS = field(default_factory=DNS)
    device_info: DeviceInfo | None = None
    gateway: tuple[IP, ...] = ()
    """Where the default routes lead."""
    routes: tuple[Route, ...] = ()
    host_interfaces: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()


def parse(text: str, *, source: str = NETWORK_STATUS) -> tuple[NetworkStatus, ...]:
    """Read the annotation, whoever wrote it: unknown keys are let be. Raises DecodingFailure."""
    content = Text(text, source, DecodingFailure)
    return many(_status)(content, positions.read(content))


def write(statuses: Iterable[NetworkStatus]) -> str:
    """The annotation's value, laid out as Multus does: a list of indented objects."""
    return f"[{','.join(_laid_out(_to_json(status)) for status in statuses)}]"


def _laid_out(value: Any, end: str = "\n") -> str:
    """``json.dumps(value, indent=4, ensure_ascii=False)`` in half the time: that has no C for indenting.

    ``end``: what goes before a closing bracket.
    """
    if type(value) is str:
        return encode_basestring(value)
    inside = f"{end}    "
    # Texts, which most of it is, are written where they stand: a call for each would cost as much again.
    if type(value) is dict and value:
        items = [
            f"{encode_basestring(key)}: {encode_basestring(one) if type(one) is str else _laid_out(one, inside)}"
            for key, one in value.items()
        ]
        return f"{{{inside}{f',{inside}'.join(items)}{end}}}"
    if type(value) is list and value:
        items = [encode_basestring(one) if type(one) is str else _laid_out(one, inside) for one in value]
        return f"[{inside}{f',{inside}'.join(items)}{end}]"
    if value == {}:
        return "{}"
    if type(value) is bool:
        return "true" if value else "false"
    return json.dumps(value)


def _to_json(status: NetworkStatus) -> dict[str, Any]:
    gateways = [str(gateway) for gateway in status.gateway]
    addresses = [str(address) for address in status.ips]
    bare = [address.partition("/")[0] for address in addresses]
    written = {
        "name": status.name,
        "interface": status.interface,
        "ips": bare,
        "mac": status.mac,
        "mtu": status.mtu,
        "default": status.default,
        "dns": _dns_to_json(status.dns),
        "device-info": status.device_info and device.to_json(status.device_info),
        "gateway": gateways,
        "default-route": gateways,
        OWN + "addresses": addresses if addresses != bare else [],
        OWN + "routes": [_route_to_json(route) for route in status.routes],
        OWN + "host-interfaces": list(status.host_interfaces),
        OWN + "plugins": list(status.plugins),
    }
    return {key: value for key, value in written.items() if value or key in ("name", "dns")}


def _dns_to_json(dns: DNS) -> dict[str, Any]:
    if not dns:
        return {}
    written = {key: getattr(dns, key) for key in _DNS_KEYS}
    return {key: value if key == "domain" else list(value) for key, value in written.items() if value}


def _route_to_json(route: Route) -> dict[str, Any]:
    written = {
        "dst": str(route.dst),
        "gw": str(route.gw) if route.gw else None,
        "mtu": route.mtu or None,
        "advmss": route.advmss or None,
        "priority": route.priority or None,
        "table": route.table,
        "scope": route.scope,
    }
    return {key: value for key, value in written.items() if value is not None}


def _status(text: Text, node: Node) -> NetworkStatus:
    found = fields(text, node, _KEYS, open_ended=True, required=("name",)).values
    exact = found.pop("exact", None)
    standard = found.pop("default_route", None)
    if exact:
        found["ips"] = exact
    if standard:
        found.setdefault("gateway", standard)
    return NetworkStatus(**found)


def _gateways(text: Text, node: Node) -> tuple[IP, ...]:
    """Multus prints ``<nil>`` for a default route that leads to a link and not to a gateway."""
    items = expect(text, node, list)
    return tuple(string(values.ip)(text, item) for item in items if item.value != "<nil>")


def _route(text: Text, node: Node) -> Route:
    return Route(**fields(text, node, _ROUTE_KEYS, open_ended=True, required=("dst",)).values)


def _dns(text: Text, node: Node) -> DNS:
    return DNS(**fields(text, node, _DNS_KEYS, open_ended=True).values)


_TEXT = string(str)
_TEXTS = many(_TEXT)
_NUMBER = integer(0, MAX_INT)

_DNS_KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "nameservers": ("nameservers", _TEXTS),
    "domain": ("domain", _TEXT),
    "search": ("search", _TEXTS),
    "options": ("options", _TEXTS),
}

_ROUTE_KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "dst": ("dst", string(values.cidr)),
    "gw": ("gw", string(values.ip)),
    "mtu": ("mtu", _NUMBER),
    "advmss": ("advmss", _NUMBER),
    "priority": ("priority", _NUMBER),
    "table": ("table", _NUMBER),
    "scope": ("scope", _NUMBER),
}

_KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "name": ("name", _TEXT),
    "interface": ("interface", _TEXT),
    "ips": ("ips", many(string(values.ip_or_cidr))),
    "mac": ("mac", _TEXT),
    "mtu": ("mtu", _NUMBER),
    "default": ("default", boolean),
    "dns": ("dns", _dns),
    "device-info": ("device_info", device.read),
    "gateway": ("gateway", _gateways),
    "default-route": ("default_route", _gateways),
    OWN + "addresses": ("exact", many(string(values.ip_or_cidr))),
    OWN + "routes": ("routes", many(_route)),
    OWN + "host-interfaces": ("host_interfaces", _TEXTS),
    OWN + "plugins": ("plugins", _TEXTS),
}
