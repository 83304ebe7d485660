"""What is on record of a sandbox beside what the kernel has of it: each difference, as a sentence.

CHECK says the first thing that is wrong, in the reference's words, and asks the plugins too; this is for a person who
looks at all of it. Link-local addresses are the kernel's own, and what a container adds for itself (a second address,
a tunnel) is told, but need not be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from multinet.cni.types import Route
from multinet.npwg.status import NetworkStatus
from multinet.view.kernel import InterfaceView, RouteView, shown

GIVEN = (IPv4Interface, IPv6Interface)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """``wrong`` is False for what is there besides, which may be the container's own doing."""

    interface: str
    says: str
    wrong: bool = True


def differences(
    told: Sequence[NetworkStatus], interfaces: Sequence[InterfaceView], routes: Sequence[RouteView]
) -> list[Difference]:
    there = {one.name: one for one in interfaces}
    found: list[Difference] = []
    for entry in told:
        one = there.get(entry.interface)
        if one is None:
            found.append(Difference(interface=entry.interface, says="the interface is gone"))
            continue
        found += _of_interface(entry, one)
        found += _of_routes(entry.interface, entry.routes, routes)
    known = {entry.interface for entry in told} | {"lo"}
    found += [
        Difference(interface=name, says="no network on record has this interface", wrong=False)
        for name in there
        if name not in known
    ]
    return found


def _of_interface(entry: NetworkStatus, one: InterfaceView) -> Iterator[Difference]:
    name = entry.interface
    if entry.mac and entry.mac.lower() != one.mac:
        yield Difference(interface=name, says=f"it has the MAC {one.mac or 'none'} and was given {entry.mac}")
    if entry.mtu and entry.mtu != one.mtu:
        yield Difference(interface=name, says=f"it has the MTU {one.mtu} and was given {entry.mtu}")
    if not one.up:
        yield Difference(interface=name, says="it is down")
    given = {str(address) for address in entry.ips}
    bare = {address.partition("/")[0] for address in given}
    for address in entry.ips:
        held = one.addresses if isinstance(address, GIVEN) else _bare(one.addresses)
        if str(address) not in held:
            yield Difference(interface=name, says=f"the address {address} is gone")
    for other in shown(one.addresses):
        if other not in given and other.partition("/")[0] not in bare:
            says = f"it has the address {other}, which it was not given"
            yield Difference(interface=name, says=says, wrong=False)


def _of_routes(name: str, given: Iterable[Route], routes: Sequence[RouteView]) -> Iterator[Difference]:
    """A route may have been moved to another table by a later plugin, or to several hops."""
    for route in given:
        dst = "default" if route.is_default else str(route.dst.network)
        found = [
            one for one in routes if one.dst == dst and _family(one, route) and name in _each(one.interface)
        ]
        by = f" over {route.gw}" if route.gw else ""
        if not found:
            yield Difference(interface=name, says=f"the route to {_words(dst, route)}{by} is gone")
        elif route.gw and not any(str(route.gw) in _each(one.gateway) for one in found):
            via = ", ".join(one.gateway or "no gateway" for one in found)
            yield Difference(
                interface=name, says=f"the route to {_words(dst, route)} leads over {via}, not {route.gw}"
            )


def _family(one: RouteView, route: Route) -> bool:
    """Both defaults are called so, and a gateway may be of the other family; the view has no other mark of it."""
    if one.dst != "default":
        return True
    return not one.gateway or not route.gw or (":" in one.gateway) == (route.gw.version == 6)


def _words(dst: str, route: Route) -> str:
    return ("everywhere" if route.dst.version == 4 else "everywhere (IPv6)") if dst == "default" else dst


def _each(text: str) -> list[str]:
    return text.split(", ")


def _bare(addresses: Iterable[str]) -> list[str]:
    return [address.partition("/")[0] for address in addresses]
