"""The ifb, the link between the host's end and the host that what a container sends is made to wait in.

Its name is that of the reference, so that either deletes what the other made. That name holds for one
attachment of a network in a container; a second has another, and the links' aliases tell whose they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha512

from multinet.errors import Exists, NotFound
from multinet.kernel import ifb, links
from multinet.kernel.links import LONGEST_NAME, Link
from multinet.kernel.names import hashed
from multinet.kernel.rtnl import Rtnl

PREFIX = "bwp"
LONGEST_WORD = 80
"""Of an alias, so that with three of them it is no longer than a link's may be."""


def names(network: str, container_id: str, ifname: str) -> tuple[str, str]:
    """The reference's name, and that of an attachment which finds it taken."""
    second = f"{network} {container_id} {ifname}"
    return hashed(PREFIX, LONGEST_NAME, network + container_id), hashed(PREFIX, LONGEST_NAME, second)


def alias(network: str, container_id: str, ifname: str) -> str:
    return f"{_word(network)} {_word(container_id)} {ifname}"


def _word(name: str) -> str:
    return name if len(name) <= LONGEST_WORD else sha512(name.encode()).hexdigest()[:LONGEST_WORD]


def create(net: Rtnl, network: str, container_id: str, ifname: str, *, mtu: int) -> Link:
    """Raises Exists when this attachment has one already."""
    first, second = names(network, container_id, ifname)
    try:
        return ifb.create(net, first, mtu=mtu)
    except Exists as error:
        there = links.find(net, first)
        if there is not None and there.alias == alias(network, container_id, ifname):
            raise Exists(
                f"adding link: there is an interface {first!r} already",
                errno=error.errno,
                hint="an earlier ADD was not followed by its DEL",
            ) from error
    return ifb.create(net, second, mtu=mtu)


def found(net: Rtnl, network: str, container_id: str, ifname: str) -> list[Link]:
    """This attachment's. One without an alias is the reference's, or one whose ADD died at once."""
    whose = ("", alias(network, container_id, ifname))
    there = (links.find(net, name) for name in names(network, container_id, ifname))
    return [link for link in there if link is not None and link.kind == "ifb" and link.alias in whose]


def remove_others(net: Rtnl, network: str, valid: Iterable[tuple[str, str]]) -> None:
    """All of a network but those of the valid attachments. Of those that the reference made nobody knows whose they
    are."""
    wanted = {alias(network, *one) for one in valid}
    for link in links.dump(net):
        mine = link.kind == "ifb" and link.name.startswith(PREFIX)
        if mine and link.alias.startswith(f"{_word(network)} ") and link.alias not in wanted:
            with suppress(NotFound):
                net.request(links.delete(link))
