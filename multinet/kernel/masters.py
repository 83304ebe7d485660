"""The link that macvlan and its like stand on."""

from __future__ import annotations

from multinet.errors import InvalidConfig
from multinet.kernel import links, routes
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace


def find_master(home: Namespace, name: str) -> Link:
    """The link of that name, or for "" the link of the first default route (main table, IPv4 before IPv6).

    Raises InvalidConfig: a configuration is at fault when it names what is not there.
    """
    if not name:
        index = routes.default_link(home.rtnl)
        if index is None:
            raise InvalidConfig(
                "no default route interface found", hint="name the link to stand on with the key 'master'"
            )
        return links.get_by_index(home.rtnl, index)
    link = links.find(home.rtnl, name)
    if link is None:
        raise InvalidConfig(
            f'the master "{name}" was not found: Link not found',
            hint="correct the key 'master', or make that link on this node",
        )
    return link


def check_mtu(mtu: int, master: Link) -> None:
    """Raises InvalidConfig for an MTU that the master can't carry."""
    if not 0 <= mtu <= master.mtu:
        raise InvalidConfig(
            f"invalid MTU {mtu}, must be [0, master MTU({master.mtu})]", hint=f"the master is {master.name}"
        )
