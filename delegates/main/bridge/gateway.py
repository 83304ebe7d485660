"""The gateway's addresses on the host: on the bridge, or for a VLAN on a link of its own into the bridge."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_interface

from delegates.main.bridge.conf import BridgeConf
from delegates.main.bridge.port import plug
from multinet.cni.types import CIDR, Address, Route
from multinet.errors import Exists, InvalidConfig
from multinet.kernel import addresses, forwarding, links
from multinet.kernel.links import End, Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.veth import make_pair

EVERYWHERE = {4: ip_interface("0.0.0.0/0"), 6: ip_interface("::/0")}


def with_gateways(ips: Iterable[Address], conf: BridgeConf) -> list[Address]:
    """Where the bridge is the gateway and IPAM named none, it has the first address of the subnet."""
    return [
        Address(
            address=ip.address,
            gateway=ip.gateway
            if ip.gateway or not conf.is_gateway
            else ip.address.network.network_address + 1,
            interface=2,
        )
        for ip in ips
    ]


def with_default_routes(routes: tuple[Route, ...], ips: Iterable[Address]) -> tuple[Route, ...]:
    """One default route a family over the first gateway of that family, unless IPAM gave one with a gateway."""
    have = {route.dst.version for route in routes if route.is_default and route.gw is not None}
    made = []
    for ip in ips:
        if ip.gateway is not None and ip.address.version not in have:
            have.add(ip.address.version)
            made.append(Route(dst=EVERYWHERE[ip.address.version], gw=ip.gateway))
    return routes + tuple(made)


def be_gateway(host: Namespace, bridge: Link, conf: BridgeConf, ips: Iterable[Address]) -> Link | None:
    """Give each gateway's address to whoever is to have it, and forward. Returns the VLAN's link, if it is that."""
    holder, vlan_link = bridge, None
    families = set()
    for ip in ips:
        if ip.gateway is None:
            continue
        if conf.vlan and vlan_link is None:
            holder = vlan_link = ensure_vlan_link(host, bridge, conf)
        families.add(ip.address.version)
        own = addresses.on_subnet(ip.gateway.packed, ip.address.network.prefixlen)
        give(host, holder, own, conf.force_address)
    forwarding.enable(host, families)
    return vlan_link


def give(host: Namespace, link: Link, address: CIDR, force: bool) -> None:
    """The address on the link; one that is in its way goes if that is allowed, else raises InvalidConfig.

    Any other IPv4 address is in the way, but of IPv6's only those whose subnet overlaps.
    """
    for held in addresses.dump(host.rtnl, link.index, address.version):
        if held.address is address or held.address == address:
            return
        if address.version == 6 and not held.address.network.overlaps(address.network):
            continue
        if not force:
            raise InvalidConfig(
                f'"{link.name}" already has an IP address different from {address}',
                hint=f"it has {held.address}; set forceAddress to replace it, or use another bridge or range",
            )
        host.rtnl.request(addresses.delete(link.index, held.address))
    try:
        host.rtnl.request(addresses.add(link.index, address))
    except Exists:
        return  # another ADD was faster
    # This pins a bridge's MAC, which would follow the lowest of its ports otherwise; and to the one from before our
    # port came, since the bridge's link-local address is made of that.
    host.rtnl.request(links.set_mac(link.index, link.mac))


def ensure_vlan_link(host: Namespace, bridge: Link, conf: BridgeConf) -> Link:
    """``<bridge>.<vlan>``: a veth pair within the host, its other end a port of the bridge in that VLAN.

    What is asked of the container's port (trunk, hairpin, isolation) is not asked of this one.
    """
    name = f"{conf.bridge}.{conf.vlan}"
    found = links.find(host.rtnl, name)
    if found is None:
        with suppress(Exists):  # another ADD was faster
            pair = make_pair(host, host, name, mtu=bridge.mtu)
            plug_gateway(host, pair.near, pair.far, bridge, conf)
            return pair.near
        found = links.get(host.rtnl, name)
    if found.kind == "veth" and not found.up:
        finish_gateway(host, found, bridge, conf)
    return found


def finish_gateway(host: Namespace, near: Link, bridge: Link, conf: BridgeConf) -> None:
    """The pair is there but not up: whoever made it died on the way, or is on it now. Doing it twice is no harm."""
    far = links.get_by_index(host.rtnl, near.parent)
    if far.master in (0, bridge.index):  # else somebody has put it to another use
        plug_gateway(host, near, End(index=far.index, name=far.name), bridge, conf)


def plug_gateway(host: Namespace, near: Link, far: End, bridge: Link, conf: BridgeConf) -> None:
    """Setting the near end up comes last, and so tells that all of it was done."""
    plug(host, far, bridge, replace(conf, trunk=None, hairpin=False, port_isolation=False))
    host.rtnl.request(links.set_up(near.index))
