"""CHECK: is what ADD answered still there? The messages are the reference's.

Two things are done otherwise. A route is looked for in its own table, or in all where it names none, since a later
plugin may have moved it; the reference knows only the main one and so fails every CHECK of a route with ``table``.
And an address without a subnet (/32, /128) is not expected to have a route to it.
"""

from __future__ import annotations

from multinet.cni.types import IP, Interface, Result, Route
from multinet.errors import CheckFailed
from multinet.kernel import addresses as kernel_addresses
from multinet.kernel import links
from multinet.kernel import routes as kernel_routes
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.routes import Network, RouteEntry


def sandbox_interface(result: Result, ifname: str, netns: str) -> Interface:
    """The result's entry for ``ifname`` in the container at the path ``netns``."""
    found = [one for one in result.interfaces if one.name == ifname]
    for interface in found:
        if interface.sandbox == netns:
            return interface
    raise CheckFailed(
        f"Sandbox in prevResult  doesn't match configured netns: {netns}",
        hint=f"it says {found[0].sandbox or 'the host'}" if found else f"it names no interface {ifname}",
    )


def container_link(ns: Namespace, ifname: str) -> Link:
    link = links.find(ns.rtnl, ifname)
    if link is None:
        raise CheckFailed(f"Cannot find container link {ifname}", hint="something removed it after ADD")
    return link


def stands_on(link: Link, kind: str, master: Link) -> None:
    """The container's link is of that kind, and a link of ``master``'s."""
    of_kind(link, kind)
    if link.parent != master.index:
        raise CheckFailed(f"Container interface {link.name} does not stand on {master.name}")


def of_kind(link: Link, kind: str) -> None:
    if link.kind != kind:
        raise CheckFailed(
            f"Container interface {link.name} not of type {kind}", hint=f"it is a {link.kind or 'device'}"
        )


def mac(link: Link, told: Interface) -> None:
    """The container's link has the MAC that ADD answered."""
    if told.mac and told.mac.lower() != link.mac:
        raise CheckFailed(f"Interface {link.name} Mac {told.mac} doesn't match container Mac: {link.mac}")


def addresses(ns: Namespace, ifname: str, result: Result) -> None:
    """Every address of the result is on the link, whatever interface it names, and its subnet is routed."""
    if not result.ips:
        return
    link = container_link(ns, ifname)
    held = {addr.address for addr in kernel_addresses.dump(ns.rtnl, link.index)}
    for ip in result.ips:
        if ip.address not in held:
            raise CheckFailed(
                f"Failed to match addr {ip.address} on interface {ifname}",
                hint=f"it has {', '.join(sorted(map(str, held))) or 'none'}",
            )
    for ip in result.ips:
        subnet = ip.address.network
        if subnet.prefixlen < subnet.max_prefixlen and not (
            # A pod with many interfaces in one subnet has as many routes to it: its own are asked for first.
            _everywhere(ns, subnet, oif=link.index) or _everywhere(ns, subnet)
        ):
            raise CheckFailed(
                f"Failed to find Gateway {ip.gateway or '<nil>'} for interface {ifname}",
                hint=f"there is no route to {subnet}",
            )


def routes(ns: Namespace, result: Result) -> None:
    """Every route of the result is there. Of a default route only that there is one, by whatever gateway."""
    for route in result.routes:
        to, table = route.dst.network, route.table
        there = kernel_routes.dump(ns.rtnl, to.version, table, to=to) if table else _everywhere(ns, to)
        if not any(route.is_default or route.gw is None or route.gw in entry.gateways for entry in there):
            raise CheckFailed(
                f"Expected Route {in_words(route)} not found in routing table",
                hint=f"looked for in table {table}" if table else "",
            )


def _everywhere(ns: Namespace, to: Network, *, oif: int | None = None) -> list[RouteEntry]:
    """The routes to it of all tables but the local one: a later plugin (sbr, vrf) may have moved them there."""
    found = kernel_routes.dump(ns.rtnl, to.version, oif=oif, to=to)
    return [entry for entry in found if entry.table != kernel_routes.LOCAL]


def in_words(route: Route) -> str:
    """A route as the reference prints one."""
    mask = route.dst.network.netmask.packed.hex()
    return (
        f"{{Dst:{{IP:{route.dst.ip} Mask:{mask}}} GW:{_or_nil(route.gw)} MTU:{route.mtu} "
        f"AdvMSS:{route.advmss} Priority:{route.priority} "
        f"Table:{_or_nil(route.table)} Scope:{_or_nil(route.scope)}}}"
    )


def _or_nil(value: IP | int | None) -> str:
    return "<nil>" if value is None else str(value)
