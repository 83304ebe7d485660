"""Results as they travel: JSON in the shape of each version (CNI 1.1 and the older texts, "Success").

Inside multinet a result is always a ``types.Result``, the newest shape. Three shapes are on the wire:

    0.1.0, 0.2.0         ip4, ip6: one address each, with the routes of its family
    0.3.0, 0.3.1, 0.4.0  interfaces, ips with "version", routes
    1.0.0, 1.1.0         the same without "version"; interfaces may tell mtu, socketPath, pciID

What is printed is the reference's, byte for byte: in the newest shape keys are sorted and nothing is empty,
in the older ones they stand in the order of declaration, and ``dns`` is there even when it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from multinet.cni import jsonkeys
from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.cni.printing import pretty
from multinet.cni.types import CIDR, DNS, IP, Address, Interface, Result, Route
from multinet.cni.versions import CURRENT, FIRST
from multinet.errors import DecodingFailure, IncompatibleVersion, InvalidConfig

T = TypeVar("T")
Said = Mapping[str, Any]
"""A decoded JSON object."""

OLDEST: Final = ("", "0.1.0", "0.2.0")
MIDDLE: Final = ("0.3.0", "0.3.1", "0.4.0")
NEWEST: Final = ("1.0.0", "1.1.0")

_RESULT: Final = frozenset({"cniVersion", "interfaces", "ips", "routes", "dns", "ip4", "ip6"})
_INTERFACE: Final = frozenset({"name", "mac", "mtu", "sandbox", "socketPath", "pciID"})
_ADDRESS: Final = frozenset({"version", "interface", "address", "gateway"})
_BLOCK: Final = frozenset({"ip", "gateway", "routes"})
_ROUTE: Final = frozenset({"dst", "gw", "mtu", "advmss", "priority", "table", "scope"})
_DNS: Final = frozenset({"nameservers", "domain", "search", "options"})


# Writing


def result_to_json(result: Result, version: str) -> bytes:
    """What ADD prints, without a final newline. Raises as ``result_to_dict`` does."""
    return pretty(result_to_dict(result, version), sort=version in NEWEST)


def result_to_dict(result: Result, version: str) -> dict[str, Any]:
    """The same as an object.

    Raises InvalidConfig for a result without addresses in 0.1.0 and 0.2.0, which can't tell of anything else,
    and IncompatibleVersion for a version that is none.
    """
    version = version or FIRST
    if version in NEWEST:
        return _newest(result, version)
    if version in MIDDLE:
        return _middle(result, version)
    if version in OLDEST:
        return _oldest(result, version)
    raise IncompatibleVersion(f"no converter for CNI result version {CURRENT} to {version}")


def _newest(result: Result, version: str) -> dict[str, Any]:
    said: dict[str, Any] = {"cniVersion": version}
    if result.interfaces:
        said["interfaces"] = [_interface_to_dict(interface, newest=True) for interface in result.interfaces]
    if result.ips:
        said["ips"] = [_address_to_dict(address) for address in result.ips]
    if result.routes:
        said["routes"] = [_route_to_dict(route) for route in result.routes]
    if result.dns:
        said["dns"] = dns_to_dict(result.dns)
    return said


def _middle(result: Result, version: str) -> dict[str, Any]:
    said: dict[str, Any] = {"cniVersion": version}
    if result.interfaces:
        said["interfaces"] = [_interface_to_dict(interface, newest=False) for interface in result.interfaces]
    if result.ips:
        said["ips"] = [
            {"version": str(address.address.version)} | _address_to_dict(address) for address in result.ips
        ]
    if result.routes:
        said["routes"] = [_route_to_dict(route) for route in result.routes]
    return said | {"dns": dns_to_dict(result.dns)}


def _oldest(result: Result, version: str) -> dict[str, Any]:
    said: dict[str, Any] = {"cniVersion": version}
    for family, key in ((4, "ip4"), (6, "ip6")):
        address = next((one for one in result.ips if one.address.version == family), None)
        if address is None:
            continue
        block: dict[str, Any] = {"ip": str(address.address)}
        if address.gateway is not None:
            block["gateway"] = str(address.gateway)
        if routes := [_short_route(route) for route in result.routes if route.dst.version == family]:
            block["routes"] = routes
        said[key] = block
    if len(said) == 1:
        raise InvalidConfig(
            "cannot convert: no valid IP addresses",
            hint=f"a result of version {version} can't be told without an address: use 0.3.0 or newer",
        )
    return said | {"dns": dns_to_dict(result.dns)}


def _interface_to_dict(interface: Interface, *, newest: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"name": interface.name}
    if interface.mac:
        said["mac"] = interface.mac
    if interface.mtu and newest:
        said["mtu"] = interface.mtu
    if interface.sandbox:
        said["sandbox"] = interface.sandbox
    if interface.socket_path and newest:
        said["socketPath"] = interface.socket_path
    if interface.pci_id and newest:
        said["pciID"] = interface.pci_id
    return said


def _address_to_dict(address: Address) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if address.interface is not None:
        said["interface"] = address.interface
    said["address"] = str(address.address)
    if address.gateway is not None:
        said["gateway"] = str(address.gateway)
    return said


def _route_to_dict(route: Route) -> dict[str, Any]:
    said: dict[str, Any] = _short_route(route)
    if route.mtu:
        said["mtu"] = route.mtu
    if route.advmss:
        said["advmss"] = route.advmss
    if route.priority:
        said["priority"] = route.priority
    if route.table is not None:
        said["table"] = route.table
    if route.scope is not None:
        said["scope"] = route.scope
    return said


def _short_route(route: Route) -> dict[str, Any]:
    said = {"dst": str(route.dst)}
    if route.gw is not None:
        said["gw"] = str(route.gw)
    return said


def dns_to_dict(dns: DNS) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if dns.nameservers:
        said["nameservers"] = list(dns.nameservers)
    if dns.domain:
        said["domain"] = dns.domain
    if dns.search:
        said["search"] = list(dns.search)
    if dns.options:
        said["options"] = list(dns.options)
    return said


# Reading


def result_from_json(data: Said | bytes, version: str) -> Result:
    """A result in a configuration of that version: ``prevResult``, or what was recorded.

    Its own ``cniVersion`` must be of the same shape; where it has none, it has the configuration's. Raises
    DecodingFailure.
    """
    said = _object(data)
    try:
        own = jsonkeys.string(said, "cniVersion") or version
        return _read(said, version, own)
    except InvalidConfig as error:
        raise jsonkeys.reworded(error, "", DecodingFailure) from None


def result_of_plugin(printed: bytes, version: str) -> Result:
    """What an executable printed: it is read by its own ``cniVersion``, else by the configuration's."""
    said = _object(printed)
    try:
        own = jsonkeys.string(said, "cniVersion") or version
        return _read(said, own, own)
    except InvalidConfig as error:
        raise jsonkeys.reworded(error, "", DecodingFailure) from None


def _object(data: Said | bytes) -> Said:
    said = jsonkeys.load(data) if isinstance(data, bytes) else data
    if not isinstance(said, Mapping):
        raise DecodingFailure(f"expected an object, got {jsonkeys.kind(said)}")
    return jsonkeys.fold(said, _RESULT)


def _read(said: Said, version: str, own: str) -> Result:
    for shape in (NEWEST, MIDDLE, OLDEST):
        if version in shape:
            break
    else:
        raise DecodingFailure(f'unsupported CNI result version "{version}"')
    if own not in shape:
        raise DecodingFailure(
            f'result type supports [{" ".join(shape)}] but unmarshalled CNIVersion is "{own}"',
            hint=f"the configuration has version {version or FIRST}",
        )
    if shape is OLDEST:
        return _read_oldest(said)
    return Result(
        interfaces=_each(said, "interfaces", _newest_interface if shape is NEWEST else _interface),
        ips=_each(said, "ips", _address),
        routes=routes_from_json(said),
        dns=dns_from_json(said),
    )


def _read_oldest(said: Said) -> Result:
    ips = []
    routes: list[Route] = []
    for key in ("ip4", "ip6"):
        block = jsonkeys.mapping(said, key)
        if block is None:
            continue
        block = jsonkeys.fold(block, _BLOCK)
        try:
            ips.append(Address(address=_cidr(block, "ip"), gateway=_ip(block, "gateway")))
            routes += _each(block, "routes", _route)
        except InvalidConfig as error:
            raise jsonkeys.at(key, error) from None
    return Result(ips=tuple(ips), routes=tuple(routes), dns=dns_from_json(said))


def _interface(said: Said) -> Interface:
    said = jsonkeys.fold(said, _INTERFACE)
    return Interface(
        name=jsonkeys.string(said, "name"),
        mac=jsonkeys.string(said, "mac"),
        sandbox=jsonkeys.string(said, "sandbox"),
    )


def _newest_interface(said: Said) -> Interface:
    said = jsonkeys.fold(said, _INTERFACE)
    return Interface(
        name=jsonkeys.string(said, "name"),
        mac=jsonkeys.string(said, "mac"),
        mtu=jsonkeys.integer(said, "mtu") or 0,
        sandbox=jsonkeys.string(said, "sandbox"),
        socket_path=jsonkeys.string(said, "socketPath"),
        pci_id=jsonkeys.string(said, "pciID"),
    )


def _address(said: Said) -> Address:
    said = jsonkeys.fold(said, _ADDRESS)
    return Address(
        address=_cidr(said, "address"),
        gateway=_ip(said, "gateway"),
        interface=jsonkeys.integer(said, "interface"),
    )


def _route(said: Said) -> Route:
    said = jsonkeys.fold(said, _ROUTE)
    return Route(
        dst=_cidr(said, "dst"),
        gw=_ip(said, "gw"),
        mtu=jsonkeys.integer(said, "mtu") or 0,
        advmss=jsonkeys.integer(said, "advmss") or 0,
        priority=jsonkeys.integer(said, "priority") or 0,
        table=jsonkeys.integer(said, "table"),
        scope=jsonkeys.integer(said, "scope"),
    )


def routes_from_json(holder: Said) -> tuple[Route, ...]:
    """The member ``routes`` of a result or of a configuration's ``ipam``. Raises InvalidConfig."""
    return _each(holder, "routes", _route)


def dns_from_json(holder: Said) -> DNS:
    """The member ``dns`` of a result, a configuration or its ``ipam``. Raises InvalidConfig."""
    said = jsonkeys.mapping(holder, "dns")
    if not said:
        return _NO_DNS
    said = jsonkeys.fold(said, _DNS)
    try:
        return DNS(
            nameservers=jsonkeys.strings(said, "nameservers"),
            domain=jsonkeys.string(said, "domain"),
            search=jsonkeys.strings(said, "search"),
            options=jsonkeys.strings(said, "options"),
        )
    except InvalidConfig as error:
        raise jsonkeys.at("dns", error) from None


_NO_DNS: Final = DNS()


def _cidr(said: Said, key: str) -> CIDR:
    try:
        return parse_cidr(jsonkeys.string(said, key))
    except InvalidConfig as error:
        raise error if error.place else jsonkeys.at(key, error) from None


def _ip(said: Said, key: str) -> IP | None:
    text = jsonkeys.string(said, key)
    try:
        return parse_ip(text) if text else None
    except InvalidConfig as error:
        raise jsonkeys.at(key, error) from None


def _each(said: Said, key: str, read: Callable[[Said], T]) -> tuple[T, ...]:
    """Every object of a list, read."""
    found = []
    for index, one in enumerate(jsonkeys.items(said, key)):
        if not isinstance(one, Mapping):
            raise jsonkeys.wrong(f"{key}[{index}]", "an object", one)
        try:
            found.append(read(one))
        except InvalidConfig as error:
            raise jsonkeys.at(f"{key}[{index}]", error) from None
    return tuple(found)
