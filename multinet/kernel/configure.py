"""Giving a container's interface its addresses and routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from multinet.cni.types import IP, Address, Result, Route
from multinet.errors import InvalidConfig
from multinet.kernel import addresses, links, routes
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message
from multinet.kernel.sysctl import Setting

SETTLE_SECONDS = 5.0


def configure_interface(
    ns: Namespace,
    ifname: str,
    result: Result,
    *,
    link: Link | None = None,
    sysctls: Iterable[tuple[str, str]] = (),
    settle: bool = True,
) -> None:
    """Addresses in their order, up, then routes in theirs.

    ``link`` saves looking ``ifname`` up. ``sysctls`` are written before anything else, their failures ignored.
    ``settle`` False: the link has no carrier, so its IPv6 addresses are not tested and need no waiting for.
    Addresses that belong to no interface are left out; one that belongs to another is an error. All is
    checked before the first change.

    IPv6 is enabled for the link, and its addresses survive the link's going down. Where an IPv6 gateway is to
    be used the addresses are waited for, since an address still being tested is no source for packets. A
    route without a gateway goes over the first address's of its family that has one.
    """
    ips = own_addresses(ifname, result)
    if link is None:
        link = links.get(ns.rtnl, ifname)
    settings = [Setting(name=name, value=value, ignore_errors=True) for name, value in sysctls]
    if any(ip.address.version == 6 for ip in ips):
        settings += for_ipv6(ifname)
    ns.set_sysctls(settings)
    gateways: dict[int, IP] = {}
    for ip in ips:
        if ip.gateway is not None:
            gateways.setdefault(ip.gateway.version, ip.gateway)
    changes = [addresses.add(link, ip.address) for ip in ips]
    changes.append(links.set_up(link))
    if 6 in gateways and settle:
        ns.rtnl.batch(changes)
        changes = []
        addresses.settle(ns.rtnl, link.index, SETTLE_SECONDS)
    changes += [route_message(route, gateways, link) for route in result.routes]
    ns.rtnl.batch(changes)


def own_addresses(ifname: str, result: Result) -> list[Address]:
    """Those of the result's addresses that belong to an interface, which must be ``ifname``."""
    if not result.interfaces:
        raise InvalidConfig("no interfaces to configure")
    own = []
    for ip in result.ips:
        if ip.interface is None:
            continue
        if not (
            0 <= ip.interface < len(result.interfaces) and result.interfaces[ip.interface].name == ifname
        ):
            raise InvalidConfig(
                f'failed to add IP addr {ip.address} to "{ifname}": invalid interface index',
                hint=f"it says {ip.interface}, which is not {ifname} in the result's interfaces",
            )
        own.append(ip)
    return own


def for_ipv6(ifname: str) -> list[Setting]:
    """What an interface needs before it is given an IPv6 address. (A runtime may have disabled IPv6 on all.)"""
    return [
        Setting(name="net/ipv6/conf/lo/disable_ipv6", value="0", only_if_other=True),
        Setting(name=f"net/ipv6/conf/{ifname}/disable_ipv6", value="0", only_if_other=True),
        Setting(name=f"net/ipv6/conf/{ifname}/keep_addr_on_down", value="1"),
    ]


def route_message(route: Route, gateways: Mapping[int, IP], link: Link) -> Message:
    return routes.add(
        route.dst,
        gw=route.gw or gateways.get(route.dst.version),
        oif=link,
        priority=route.priority,
        table=route.table,
        scope=route.scope,
        mtu=route.mtu,
        advmss=route.advmss,
    )
