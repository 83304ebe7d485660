"""portmap: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from typing import ClassVar

from delegates.meta.portmap import by_iptables, by_nftables, iptables_removal, nftables_removal
from delegates.meta.portmap.conf import (
    IPTABLES,
    NFTABLES,
    VERSIONS,
    Attachment,
    PortmapConf,
    parse,
    refuse_options_of_another,
)
from delegates.meta.portmap.listing import chain_name
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import IP, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig, KernelError, NotAvailable, to_the_end
from multinet.kernel import addresses, conntrack, links, routes
from multinet.kernel.conntrack import Connection
from multinet.kernel.iptables import Iptables
from multinet.kernel.masquerade import default_backend, nftables_usable
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfpool import borrowed, borrowed_if_any
from multinet.kernel.sysctl import Setting

LOOPBACK = {4: ip_network("127.0.0.0/8"), 6: ip_network("::1/128")}


class Portmap(Delegate[PortmapConf]):
    delegates_ipam: ClassVar[bool] = False

    def parse(self, conf: NetConf, args: Args) -> PortmapConf:
        return parse(conf, args)

    def add(self, call: Call[PortmapConf], undo: Undo) -> Result:
        conf, host = call.conf, call.host
        if call.prev_result is None:
            raise InvalidConfig(
                "must be called as chained plugin",
                hint="portmap maps to an address that a plugin before it in the list has given",
            )
        whose = Attachment.of(call)
        if not conf.mappings or not whose.addresses:
            return call.prev_result
        backend = conf.backend or default_backend(host)
        refuse_options_of_another(conf, backend)
        undo.push(f"end the port mappings of {call.ifname}", partial(unmap, host, conf, whose))
        if backend == NFTABLES:
            with borrowed(host) as net:
                by_nftables.setup(host, net, conf, whose)
        else:
            by_iptables.setup(host, conf, whose)
        forget_connections(host, conf, whose, mapped=True)
        if conf.snat and 4 in whose.addresses:
            route_loopback(host, whose.addresses[4].ip)
        return call.prev_result

    def check(self, call: Call[PortmapConf]) -> None:
        if call.prev_result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        conf, whose = call.conf, Attachment.of(call)
        missing = [
            (version, mapping)
            for version in whose.addresses
            for mapping in conf.mappings
            if mapping.concerns(version)
        ]
        if not missing:
            return
        with borrowed_if_any(call.host) as net:
            missing = by_nftables.missing(net, conf, whose) if net else missing
        missing = by_iptables.missing(call.host, conf, whose, missing)
        for version, mapping in missing:
            raise CheckFailed(
                f"host port {mapping} should lead to port {mapping.container_port} of "
                f"{whose.addresses[version].ip} and does not",
                hint="the rules that ADD made are gone from table cni_hostport of nf_tables, or from chain "
                f"{chain_name(call.network, call.container_id)} of iptables' nat table",
            )

    def delete(self, call: Call[PortmapConf]) -> None:
        """With either backend, since an attachment may have been made with another setting."""
        unmap(call.host, call.conf, Attachment.of(call))

    def gc(self, call: Call[PortmapConf]) -> None:
        with borrowed_if_any(call.host) as net:
            to_the_end(
                partial(nftables_removal.gc, net, call.network, call.valid) if net else None,
                partial(iptables_removal.gc, call.host, net, call.network, call.valid),
            )

    def status(self, call: Call[PortmapConf]) -> None:
        host = call.host
        backend = call.conf.backend or default_backend(host)
        if backend == IPTABLES and not Iptables(host, 4).usable():
            raise NotAvailable("iptables can't be used here", hint='install it, or set "backend": "nftables"')
        if backend == NFTABLES and not nftables_usable(host):
            raise NotAvailable("the kernel takes no rules of nf_tables from us", hint="load nf_tables")
        if backend == NFTABLES and any(call.conf.conditions.values()) and not shutil.which("nft"):
            raise NotAvailable("only the program nft can read conditions", hint="install nftables")


def unmap(host: Namespace, conf: PortmapConf, whose: Attachment) -> None:
    with borrowed_if_any(host) as net:
        to_the_end(
            partial(nftables_removal.teardown, net, conf.mappings, whose) if net else None,
            partial(iptables_removal.teardown, host, net, conf.mappings, whose),
        )
    forget_connections(host, conf, whose, mapped=False)


def forget_connections(host: Namespace, conf: PortmapConf, whose: Attachment, *, mapped: bool) -> None:
    """Have the rules asked again about UDP that is under way, once they are there, or gone.

    That serves clients that don't pause, and is no reason to fail: a kernel may track no connections at all.
    """
    udp = [mapping for mapping in conf.mappings if mapping.protocol == "udp"]
    for version in VERSIONS if udp else ():
        leads = {(mapping.host_port, mapping.container_port) for mapping in udp if mapping.concerns(version)}
        with suppress(KernelError), borrowed(host) as net:
            local = {one.address.ip for one in addresses.dump(host.rtnl, family=version)}
            stale = (to_other_than if mapped else to_it_still)(whose, version, leads, local)
            conntrack.forget(net, version, {port for port, _ in leads}, stale)


def to_other_than(
    whose: Attachment, version: int, leads: set[tuple[int, int]], local: set[IP]
) -> Callable[[Connection], bool]:
    """Connections to the host that lead anywhere but to the container now mapped."""
    address = whose.addresses.get(version)

    def stale(one: Connection) -> bool:
        there = address is not None and one.answered_by == address.ip
        return (
            address is not None
            and is_local(one.destination, local)
            and not (there and (one.port, one.answering_port) in leads)
        )

    return stale


def to_it_still(
    whose: Attachment, version: int, leads: set[tuple[int, int]], local: set[IP]
) -> Callable[[Connection], bool]:
    """Connections to the host that lead to the container, or to one that nobody can name any more."""
    address = whose.addresses.get(version)

    def stale(one: Connection) -> bool:
        there = one.answered_by == address.ip if address else one.answered_by != one.destination
        return there and is_local(one.destination, local) and (one.port, one.answering_port) in leads

    return stale


def is_local(address: IP, local: set[IP]) -> bool:
    return address in local or address in LOOPBACK[address.version]


def route_loopback(host: Namespace, address: IP) -> None:
    """Let 127.0.0.1 out to the container: the kernel drops such packets unless told otherwise, link by link."""
    way = routes.way_to(host.rtnl, address)
    if way is not None and way.oif:
        name = links.get_by_index(host.rtnl, way.oif).name
        parameter = f"net/ipv4/conf/{name}/route_localnet"
        host.set_sysctls([Setting(name=parameter, value="1", only_if_other=True)])
