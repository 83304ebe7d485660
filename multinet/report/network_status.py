"""The pod's network-status, from what came of each attachment (multi-net-spec 1.3, section 5).

One entry for each interface that an attachment made in the sandbox, as Multus writes them, and a bare one
for an attachment that made none (5.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from multinet.cni.types import Address, Interface, Result
from multinet.npwg.status import NetworkStatus
from multinet.plan import Outcome


def network_status(outcomes: Sequence[Outcome]) -> tuple[NetworkStatus, ...]:
    return tuple(entry for outcome in outcomes for entry in entries(outcome))


def entries(outcome: Outcome) -> list[NetworkStatus]:
    result = outcome.result
    inside = [
        (index, interface) for index, interface in enumerate(result.interfaces) if interface.sandbox
    ] or [(-1, Interface(name=outcome.attachment.ifname))]
    return [
        entry(outcome, interface, addresses_of(result, index, last=place == len(inside) - 1), place == main)
        for main in [default_of(result, inside)]
        for place, (index, interface) in enumerate(inside)
    ]


def addresses_of(result: Result, index: int, *, last: bool) -> tuple[Address, ...]:
    """The addresses of one interface; those that name none go to the last one."""
    return tuple(
        address
        for address in result.ips
        if address.interface == index or (last and (address.interface is None or index == -1))
    )


def default_of(result: Result, inside: Sequence[tuple[int, Interface]]) -> int:
    """Of several interfaces, the pod's default one: whose address has a gateway, else the first."""
    for place, (index, _) in enumerate(inside):
        if any(address.interface == index and address.gateway for address in result.ips):
            return place
    return 0


def entry(
    outcome: Outcome, interface: Interface, addresses: Sequence[Address], is_main: bool
) -> NetworkStatus:
    result = outcome.result
    return NetworkStatus(
        name=outcome.attachment.network,
        interface=interface.name,
        ips=tuple(address.address for address in addresses),
        mac=interface.mac,
        mtu=interface.mtu,
        default=outcome.attachment.is_default and is_main,
        dns=result.dns,
        gateway=tuple(route.gw for route in result.routes if route.is_default and route.gw is not None),
        device_info=outcome.device_info,
        routes=result.routes,
        host_interfaces=tuple(made.name for made in result.interfaces if not made.sandbox),
        plugins=tuple(str(plugin["type"]) for plugin in outcome.attachment.conflist.plugins),
    )
