"""A veth pair, one end in another namespace, both made where they are to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from multinet.errors import Exists
from multinet.kernel import links
from multinet.kernel.links import End, Link
from multinet.kernel.names import random_veth
from multinet.kernel.namespace import Namespace

NAME_TRIES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Both ends of a veth pair."""

    near: Link
    """The end in the container (or, for a VLAN gateway, the end that carries the address), as it was made."""
    far: End
    """The end on the host."""


def make_pair(
    inner: Namespace,
    host: Namespace,
    name: str,
    *,
    mtu: int = 0,
    mac: str = "",
    group: int = 0,
    quiet: Sequence[str] = (),
) -> Pair:
    """``name`` in ``inner`` and a random ``vethXXXXXXXX`` in ``host``, which does not autoconfigure itself; nor do
    those links in ``quiet``, which are told so on the same visit.

    One message makes both: nothing is made elsewhere and moved, since a move holds the kernel's lock for an RCU
    grace period and everybody waits. Raises Exists when ``inner`` has a link of that name.
    """
    for attempt in range(NAME_TRIES):
        far_name = random_veth()
        try:
            near = links.create_veth(
                inner.rtnl, name, far_name, peer_ns_fd=host.fd, mtu=mtu, mac=mac, group=group
            )
        except Exists as error:
            if links.find(inner.rtnl, name) is None and attempt + 1 < NAME_TRIES:
                continue
            raise Exists(
                f"there is an interface {name!r} already",
                errno=error.errno,
                hint="somebody else made it, or an earlier ADD was not followed by its DEL",
            ) from error
        # First the sysctl and then up: the other way round the kernel may ask for router advertisements between.
        host.write_sysctls(
            [(f"net/ipv6/conf/{link}/accept_ra", "0") for link in (far_name, *quiet)], ignore_errors=True
        )
        return Pair(near=near, far=End(index=near.parent, name=far_name))
    raise AssertionError("the loop returns or raises")
