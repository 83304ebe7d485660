"""The routes of ptp: the subnet is reached over the gateway, and the gateway over the link alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_interface

from multinet.cni.types import CIDR, IP, Address
from multinet.errors import Exists
from multinet.kernel import addresses, routes
from multinet.kernel.links import Link
from multinet.kernel.rtnl import Rtnl


def alone(ip: IP) -> CIDR:
    """The address as a subnet of its own: /32 or /128."""
    return ip_interface(ip)


def route_container(net: Rtnl, near: Link, ips: Iterable[Address]) -> None:
    """In the container, the route that came with the address gives way to one over the gateway.

    So neighbours of the same subnet, which are on other links of the host, are reached through it.
    """
    for ip in ips:
        assert ip.gateway is not None
        subnet = ip_interface(ip.address.network)
        connected = [
            entry
            for entry in routes.dump(net, family=ip.address.version, table=routes.MAIN, oif=near.index)
            if entry.dst == subnet and entry.gw is None
        ]
        net.batch(
            [
                *(routes.delete(entry) for entry in connected),
                routes.add(alone(ip.gateway), oif=near, src=ip.address.ip, scope=routes.LINK),
                routes.add(subnet, gw=ip.gateway, oif=near, src=ip.address.ip),
            ]
        )


def route_host(net: Rtnl, far: Link, ips: Iterable[Address]) -> None:
    """On the host's end the gateway's address, and a route to the container alone."""
    for ip in ips:
        assert ip.gateway is not None
        net.request(addresses.add(far, alone(ip.gateway)))
        with suppress(Exists):
            net.request(routes.add(alone(ip.address.ip), oif=far, scope=routes.HOST))
