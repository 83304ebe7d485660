"""Moving an interface's routes from the main table into those of its addresses, and back.

Whatever has a rule is found again by it: so the rule is the first to come and the last to go.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_interface

from multinet.cni.types import CIDR, IP, Address
from multinet.errors import Exists, NotFound
from multinet.kernel import addresses, routes, rules
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.routes import RouteEntry
from multinet.kernel.rtnl import Rtnl
from multinet.kernel.rules import Rule

FIRST_TABLE = 100
EVERYWHERE: Mapping[int, CIDR] = {4: ip_interface("0.0.0.0/0"), 6: ip_interface("::/0")}
NOBODYS = frozenset({0, routes.DEFAULT, routes.MAIN, routes.LOCAL})
"""Tables that are no address's own."""


@contextmanager
def alone(pod: Namespace) -> Iterator[None]:
    """Two at the same time would take the same table. The reference locks the namespace's file, too."""
    fcntl.flock(pod.fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(pod.fd, fcntl.LOCK_UN)


def routes_of(net: Rtnl, link: Link) -> list[RouteEntry]:
    """Its routes in the main table, but for those that have several next hops, which may be other links'."""
    return [entry for entry in routes.dump(net, table=routes.MAIN, oif=link.index) if not entry.hops]


def free_tables(net: Rtnl) -> Iterator[int]:
    """Tables without a rule and without a route."""
    taken = {rule.table for rule in rules.dump(net)} | {entry.table for entry in routes.dump(net)}
    table = FIRST_TABLE
    while True:
        if table not in taken:
            yield table
        table += 1


def give_table(
    net: Rtnl, link: Link, ip: Address, table: int, gateway: IP | None, entries: Iterable[RouteEntry]
) -> None:
    """A table of the address's own: a default route, and all that is reached from it or from any address."""
    changes = [rules.add(ip.address.ip, table)]
    if gateway is not None:
        changes.append(routes.add(EVERYWHERE[ip.address.version], gw=gateway, oif=link, table=table))
    changes += [
        routes.again(entry, table=table, replace=True) for entry in entries if concerns(entry, ip.address)
    ]
    net.batch(changes)


def concerns(entry: RouteEntry, address: CIDR) -> bool:
    """Is it a route from or by the address's subnet, or of nobody in particular?"""
    if entry.src is None and entry.gw is None:
        return True
    return any(one is not None and one in address.network for one in (entry.src, entry.gw))


def leave_main(net: Rtnl, entries: Iterable[RouteEntry]) -> None:
    net.batch([routes.delete(entry) for entry in entries])


def leave_hints(net: Rtnl, link: Link, ips: Iterable[Address], entries: Sequence[RouteEntry]) -> None:
    """In the main table only the subnets stay, each with the address to be sent from: for programs that name none."""
    subnets = {ip_interface(ip.address.network) for ip in ips}
    leave_main(net, [entry for entry in entries if entry.scope != routes.LINK or entry.dst in subnets])
    for ip in ips:
        hint = routes.add(ip_interface(ip.address.network), oif=link, src=ip.address.ip, scope=routes.LINK)
        with suppress(Exists):  # two addresses of one subnet
            net.request(hint)


def rules_of(net: Rtnl, sources: Iterable[IP], table: int | None) -> list[Rule]:
    """The rules for these addresses, of ``table`` or of any."""
    wanted = set(sources)
    return [
        rule
        for rule in rules.dump(net)
        if rule.src is not None and rule.src.ip in wanted and table in (None, rule.table)
    ]


def sources_of(net: Rtnl, link: Link | None, ips: Iterable[Address]) -> set[IP]:
    """The addresses of the interface, and those it was given: it may be gone."""
    held = addresses.dump(net, link.index) if link else ()
    return {one.address.ip for one in held} | {ip.address.ip for ip in ips}


def forget(net: Rtnl, found: Iterable[Rule]) -> None:
    for rule in found:
        with suppress(NotFound):
            net.request(rules.delete(rule))


def move_back(net: Rtnl, link: Link, found: Iterable[Rule]) -> None:
    """Out of the tables of these rules into the main one. Default routes are only deleted: there may be another by
    now, and an interface that is taken down needs none.
    """
    for table in sorted({rule.table for rule in found} - NOBODYS):
        entries = [entry for entry in routes.dump(net, table=table, oif=link.index) if not entry.hops]
        routes.put_back(net, [entry for entry in entries if not entry.is_default])
        for entry in entries:
            with suppress(NotFound):
                net.request(routes.delete(entry))


def restore(net: Rtnl, link: Link, entries: Sequence[RouteEntry], found: Iterable[Rule]) -> None:
    """Make the main table hold these routes of the interface's and no others; then the tables and their rules go."""
    for entry in routes_of(net, link):
        if entry not in entries:
            net.request(routes.delete(entry))
    routes.put_back(net, entries)
    move_back(net, link, found)
    forget(net, found)
