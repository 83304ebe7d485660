"""Putting an interface into a VRF. The kernel takes it down and up again for that; what goes with it is put back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Self

from multinet.errors import InvalidConfig, KernelError
from multinet.kernel import addresses, links, routes, vrfs
from multinet.kernel.addresses import SCOPE_UNIVERSE, Addr
from multinet.kernel.links import Link
from multinet.kernel.routes import RouteEntry
from multinet.kernel.rtnl import Rtnl
from multinet.waiting import waiting

LOOKS_SECONDS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
"""How long to wait for a restored address to be routed, look by look: the reference's pace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Had:
    """What an interface had before, and may lose by going down."""

    ipv6: tuple[Addr, ...]
    entries: tuple[RouteEntry, ...]
    """Its routes in the main table."""

    @classmethod
    def of(cls, net: Rtnl, link: Link) -> Self:
        held = addresses.dump(net, link.index, 6)
        entries = routes.dump(net, table=routes.MAIN, oif=link.index)
        return cls(
            ipv6=tuple(one for one in held if one.scope == SCOPE_UNIVERSE),
            entries=tuple(entry for entry in entries if not entry.hops),
        )


def ensure_vrf(net: Rtnl, name: str, table: int) -> tuple[Link, bool]:
    """The VRF, and whether it was made now: then it is not up yet. Raises InvalidConfig when the name is something
    else's, or the table another."""
    found = links.find(net, name)
    if found is None:
        net.request(vrfs.make_vrf(name, table or vrfs.free_table(net)))
        return links.get(net, name), True
    if found.kind != "vrf":
        raise InvalidConfig(
            f"Netlink {name} is not a VRF", hint=f"it is a link of kind {found.kind or 'device'}"
        )
    if table and vrfs.table_of(found) != table:
        raise InvalidConfig(
            f"VRF {name} already exist with different routing table {vrfs.table_of(found)}",
            hint="networks that share a VRF in a pod must name the same table, or none",
        )
    return found, False


def refuse_enslaved(net: Rtnl, link: Link) -> None:
    if link.master:
        master = links.get_by_index(net, link.master)
        raise InvalidConfig(
            f"interface {link.name} has already a master set: {master.name}",
            hint="an interface can have only one",
        )


def enslave(net: Rtnl, link: Link, vrf: Link, had: Had) -> None:
    table = vrfs.table_of(vrf)
    net.request(links.set_master(link, vrf))
    for one in restore_addresses(net, link, had.ipv6):
        await_routed(net, link, one, table)
    moved = [entry for entry in had.entries if entry.scope == routes.UNIVERSE]
    net.batch([routes.again(entry, table=table, replace=True) for entry in moved])


def restore_addresses(net: Rtnl, link: Link, before: Sequence[Addr]) -> list[Addr]:
    """Those that went when the interface went down: a setting of it (keep_addr_on_down) decides."""
    held = {one.address for one in addresses.dump(net, link.index, 6)}
    gone = [one for one in before if one.address not in held]
    for one in gone:
        nodad = bool(one.flags & addresses.F_NODAD)
        net.request(addresses.add(link, one.address, nodad=nodad))
    return gone


def await_routed(net: Rtnl, link: Link, one: Addr, table: int) -> None:
    """Wait until the kernel knows the address in the VRF's table: before that no route can be reached over it."""
    alone = ip_interface(one.address.ip)
    for delay in LOOKS_SECONDS:
        if delay:
            with waiting():
                time.sleep(delay)
        if any(entry.dst == alone for entry in routes.dump(net, 6, table, link.index)):
            return
    raise KernelError(
        f"failed getting local/host addresses for {link.name} in table {table} with dst {one.address}",
        hint="the kernel did not take the address back after the interface went into the VRF",
    )


def free(net: Rtnl, link: Link, had: Had) -> None:
    """Out of the VRF, with all that it had in the main table."""
    net.request(links.set_master(link, 0))
    restore_addresses(net, link, had.ipv6)
    routes.put_back(net, had.entries)
