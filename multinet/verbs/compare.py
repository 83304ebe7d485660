"""CHECK, beside what the plugins look at: do the links stand, and does a default route lead where it was to lead?

Plugins follow the reference, which takes any default route for the right one, and which first looks at what
follows from a missing link before it looks for the link. Only what our own delegates made is compared: what
others answer need not be what they made (some tell of links that are not there).
"""

from __future__ import annotations

from collections.abc import Sequence

from multinet.cni.types import IP, Result
from multinet.delegate.invoke import Scene
from multinet.errors import CheckFailed
from multinet.kernel import links as kernel_links
from multinet.kernel import routes as kernel_routes
from multinet.pipeline.chain import Chain
from multinet.plan import Record


def links(chains: Sequence[Chain], record: Record, scene: Scene) -> None:
    """Raise CheckFailed when a link is gone or has another MAC than it was given."""
    assert scene.sandbox is not None
    there = {link.name: link.mac for link in kernel_links.dump(scene.sandbox.rtnl)}
    for network, result in made_by_us(chains, record):
        for interface in result.interfaces:
            if not interface.sandbox:
                continue
            if interface.name not in there:
                raise CheckFailed(
                    f"{network}: the interface {interface.name} is gone",
                    hint=f"there are {', '.join(sorted(there))}",
                )
            if interface.mac and there[interface.name] != interface.mac.lower():
                raise CheckFailed(
                    f"{network}: the interface {interface.name} has the MAC {there[interface.name]} and was given "
                    f"{interface.mac}"
                )


def default_routes(chains: Sequence[Chain], record: Record, scene: Scene) -> None:
    """Raise CheckFailed when a family's default route leads over none of the gateways that were given.

    Several networks may give one; the kernel takes the first, and later ones are none.
    """
    assert scene.sandbox is not None
    given: dict[int, list[tuple[str, IP]]] = {}
    for network, result in made_by_us(chains, record):
        for route in result.routes:
            if route.is_default and route.gw is not None and route.table in (None, kernel_routes.MAIN):
                given.setdefault(route.dst.version, []).append((network, route.gw))
    for family, gateways in given.items():
        there = [
            gateway
            for entry in kernel_routes.dump(scene.sandbox.rtnl, family, kernel_routes.MAIN)
            if entry.is_default
            for gateway in entry.gateways
        ]
        if not any(gateway in there for _, gateway in gateways):
            network, gateway = gateways[0]
            raise CheckFailed(
                f"{network}: the default route over {gateway} is gone",
                hint=f"it leads over {', '.join(map(str, there))}" if there else "",
            )


def made_by_us(chains: Sequence[Chain], record: Record) -> list[tuple[str, Result]]:
    """The results of the networks that are checked and whose link a delegate of ours made, by name."""
    return [
        (chain.attachment.network, result)
        for chain in chains
        if chain.is_checked
        and any(plugin.delegate.grouped for plugin in chain.plugins)
        and (result := record.results.get(chain.attachment.ifname)) is not None
    ]
