"""dhcp: ADD, CHECK, DEL, GC, STATUS, each a question to the keeper of leases."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.ipam.dhcp import terms
from delegates.ipam.dhcp.conf import DhcpConf, parse
from delegates.ipam.dhcp.doors import Leases, There, Unreachable
from delegates.ipam.dhcp.lease import MAC_OCTETS, Key, Order
from delegates.ipam.dhcp.resident import RESIDENT
from multinet import log, steps
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import AddressError, CheckFailed, MultinetError, NotAvailable, NotFound
from multinet.kernel import links


class Dhcp(Delegate[DhcpConf]):
    delegates_ipam: ClassVar[bool] = False
    over_link: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> DhcpConf:
        return parse(conf, args)

    def add(self, call: Call[DhcpConf], undo: Undo) -> Result:
        order = order_of(call)
        steps.step(f"lease an address for {order.key}")
        undo.push(f"release the lease of {order.key}", partial(self.delete, call))
        lease = leases_of(call).allocate(order, call.pod)
        return terms.result(
            lease.address, lease.options, priority=call.conf.priority, requested=call.conf.requested
        )

    def check(self, call: Call[DhcpConf]) -> None:
        """The lease is kept, and its address is in ``prevResult``."""
        try:
            lease = leases_of(call).find(key_of(call))
        except AddressError as error:
            raise CheckFailed(f"dhcp: {error.message}", hint=error.hint) from error
        told = [one.address.ip for one in call.prev_result.ips] if call.prev_result else []
        if lease.address not in told:
            raise CheckFailed(
                f"dhcp: {lease.address} is leased for interface {call.ifname}, and is not in prevResult",
                hint=f"that has {', '.join(map(str, told)) or 'no address'}",
            )

    def delete(self, call: Call[DhcpConf]) -> None:
        """Without a daemon it is success: what is left to do, the daemon does when it starts."""
        try:
            leases_of(call).release(key_of(call))
        except Unreachable as error:
            log.warn("dhcp lease not released", lease=str(key_of(call)), error=str(error))

    def gc(self, call: Call[DhcpConf]) -> None:
        try:
            leases_of(call).keep_only(call.network, call.valid)
        except Unreachable as error:
            log.warn("dhcp leases not looked through", network=call.network, error=str(error))

    def status(self, call: Call[DhcpConf]) -> None:
        try:
            leases_of(call).ping()
        except MultinetError as error:
            raise NotAvailable(error.message, hint=error.hint) from error


def leases_of(call: Call[DhcpConf]) -> Leases:
    """The agent's, where this is the agent; else the daemon's."""
    return RESIDENT.leases or There(call.conf.socket)


def key_of(call: Call[DhcpConf]) -> Key:
    return Key(call.container_id, call.network, call.ifname)


def order_of(call: Call[DhcpConf]) -> Order:
    """The interface is set up for it: nothing can be asked over one that is down. Raises AddressError."""
    net = call.pod.rtnl
    try:
        link = links.get(net, call.ifname)
    except NotFound as error:
        raise AddressError(
            f'error looking up "{call.ifname}": Link not found',
            hint="dhcp leases for an interface that is there: it is the IPAM of the plugin that makes it",
        ) from error
    mac = bytes.fromhex(link.mac.replace(":", ""))
    if len(mac) != MAC_OCTETS:
        raise AddressError(f"{call.ifname} has no MAC that a DHCP server could know it by")
    if not link.up:
        net.request(links.set_up(link))
    # Links of ipvlan share a MAC and get what is sent to their address, which they have not got yet.
    return Order(key=key_of(call), mac=mac, options=call.conf.options, broadcast=link.kind == "ipvlan")
