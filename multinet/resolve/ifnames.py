"""Interface names: the pod's first is the runtime's choice, the others are asked for or counted.

Counting is Multus's: ``net`` and the place in the whole list, the first network being 0; so a name in the
annotation does not shift the names of its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

from multinet.cni.names import check_ifname
from multinet.errors import InvalidConfig

FORMAT = "net{}"
LOOPBACK = "lo"


def assign(primary: str, asked: Sequence[tuple[str, str]]) -> list[str]:
    """Names for the networks after the first. ``asked`` is (network, wanted name or "") of each.

    Raises InvalidConfig when two would have the same name, BadEnvironment for one that can't be a name.
    """
    holders = {LOOPBACK: "the loopback interface", primary: "the pod's first network"}
    names = []
    for index, (network, wanted) in enumerate(asked, start=1):
        name = wanted or FORMAT.format(index)
        check_ifname(name)
        if name in holders:
            how = "asks for" if wanted else "would get, by its place in the list,"
            raise InvalidConfig(
                f"{network} {how} the interface name {name!r}, which {holders[name]} has",
                hint="give one of them another name (@name, or the key 'interface')",
            )
        holders[name] = network
        names.append(name)
    return names
