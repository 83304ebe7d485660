"""Who carries the pod's default route (multi-net-spec 1.3, 4.1.2.1.9), family by family.

``default-route`` on an attachment is a list of gateways. For each family that it names, the default routes
of all other attachments go, and routes over these gateways are made on this one: the first with the usual
metric, each further one a metric behind it. A family that it doesn't name keeps what it has. An empty list
asks the attachment to carry the default route over its own gateway, for each family in which it has one.
Without the key nothing is changed.

What is taken from or given to an attachment is also taken from or added to its result, so that the runtime,
network-status and a later CHECK speak of what is there.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from ipaddress import ip_interface

from multinet.cni.types import IP, Result, Route
from multinet.delegate.invoke import Scene
from multinet.errors import InvalidConfig, KernelError, NotFound, inside
from multinet.kernel import links, routes
from multinet.plan import Attachment

EVERYWHERE = {4: ip_interface("0.0.0.0/0"), 6: ip_interface("::/0")}
MAIN_TABLE = 254
NO_WAY_THERE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
"""What the kernel says of a gateway that no address of the interface has in its subnet: IPv4, IPv6."""
NEXT_METRIC = 1024
"""The metric of the second gateway is one above this; IPv6's usual metric is this, IPv4's is 0."""


def settle(scene: Scene, attachments: Sequence[Attachment], results: Sequence[Result]) -> list[Result]:
    """Give the default routes to whom they belong; the results say so afterwards."""
    settled = list(results)
    for index, attachment in enumerate(attachments):
        if attachment.default_route is None:
            continue
        for family, gateways in gateways_of(attachment, results[index]).items():
            for other, result in enumerate(settled):
                if other != index:
                    remove_default(scene, attachments[other], family)
                    settled[other] = without_default(result, family)
            remove_default(scene, attachment, family)
            add_defaults(scene, attachment, gateways)
            settled[index] = with_defaults(without_default(settled[index], family), family, gateways)
    return settled


def gateways_of(attachment: Attachment, result: Result) -> dict[int, list[IP]]:
    """The gateways by family: those asked for, or for an empty list the attachment's own."""
    asked = list(attachment.default_route or own_gateways(result))
    if not asked:
        raise InvalidConfig(
            f"{attachment.network}: 'default-route' is empty, and the network's own plugins gave no gateway",
            hint="list the gateways in 'default-route'",
        )
    families: dict[int, list[IP]] = {}
    for gateway in asked:
        families.setdefault(gateway.version, []).append(gateway)
    return families


def own_gateways(result: Result) -> list[IP]:
    """One gateway a family: of the default route, else of the first address that has one."""
    found: dict[int, IP] = {}
    for route in result.routes:
        if route.is_default and route.gw is not None:
            found.setdefault(route.gw.version, route.gw)
    for address in result.ips:
        if address.gateway is not None:
            found.setdefault(address.gateway.version, address.gateway)
    return [found[family] for family in sorted(found)]


def remove_default(scene: Scene, attachment: Attachment, family: int) -> None:
    assert scene.sandbox is not None
    net = scene.sandbox.rtnl
    link = links.find(net, attachment.ifname)
    if link is None:
        return  # a plugin need not make an interface (a device that a userspace driver holds)
    for entry in routes.dump(net, family=family, table=MAIN_TABLE, oif=link.index):
        if entry.is_default:
            net.request(routes.delete(entry))


def add_defaults(scene: Scene, attachment: Attachment, gateways: Sequence[IP]) -> None:
    assert scene.sandbox is not None
    net = scene.sandbox.rtnl
    try:
        link = links.get(net, attachment.ifname)
    except NotFound as error:
        raise InvalidConfig(
            f"{attachment.network} is to carry the default route, but made no interface {attachment.ifname!r}",
            hint="leave 'default-route' at a network with an interface",
        ) from error
    for place, gateway in enumerate(gateways):
        with inside(f"{attachment.network}.default-route[{place}]"):
            dst = EVERYWHERE[gateway.version]
            try:
                net.request(routes.add(dst, gw=gateway, oif=link, priority=metric(place)))
            except KernelError as error:
                if error.errno in NO_WAY_THERE:
                    error.hint = (
                        f"name a gateway that is in a subnet of {attachment.ifname}'s own addresses, "
                        "or leave the list empty for the network's own"
                    )
                raise


def metric(place: int) -> int:
    return NEXT_METRIC + place if place else 0


def without_default(result: Result, family: int) -> Result:
    kept = tuple(route for route in result.routes if not (route.is_default and route.dst.version == family))
    return result if len(kept) == len(result.routes) else result.but(routes=kept)


def with_defaults(result: Result, family: int, gateways: Sequence[IP]) -> Result:
    made = tuple(
        Route(dst=EVERYWHERE[family], gw=gateway, priority=metric(place))
        for place, gateway in enumerate(gateways)
    )
    return result.but(routes=result.routes + made)
