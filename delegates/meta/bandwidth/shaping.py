"""What is put to the links for a limit, and whether it is there.

What a container receives is what the host's end sends: a token bucket there. With subnets it is htb, whose class has
the limit and whose direct queue has none. What a container sends is redirected to the ifb, where a token bucket is;
with subnets only what is to be limited is.
"""

from __future__ import annotations

from delegates.meta.bandwidth.conf import Subnets
from multinet.errors import CheckFailed
from multinet.kernel import filters, qdiscs
from multinet.kernel.filters import DESTINATION, ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, SOURCE, Filter, Network
from multinet.kernel.links import Link
from multinet.kernel.qdiscs import FIRST, INGRESS_HANDLE, SHAPED_CLASS, UNSHAPED, Bucket
from multinet.kernel.rtnl import Message, Rtnl

ROOM = 2 * 65536
"""Bytes that may wait in a class at least. What is handed on within a host comes in pieces of 64 KiB, which a token
bucket cuts and a class does not: in a shorter queue none would fit."""

LAST = 3
"""Priority of what is about all packets, after those of IPv4 and IPv6."""


def root(far: Link, bucket: Bucket, subnets: Subnets | None) -> Message:
    if subnets is None:
        return qdiscs.tbf(far, bucket)
    return qdiscs.htb(far, default_class=_default_class(subnets))


def below_root(far: Link, bucket: Bucket, subnets: Subnets | None) -> list[Message]:
    if subnets is None:
        return []
    return [
        qdiscs.htb_class(far, bucket),
        qdiscs.bfifo(far, _queue(bucket)),
        *(filters.add(far, FIRST, one) for one in to_classes(subnets)),
    ]


def to_classes(subnets: Subnets) -> list[Filter]:
    class_id = SHAPED_CLASS if subnets.shaped else UNSHAPED
    return [_of(network, SOURCE, class_id) for network in subnets.networks]


def to_ifb(middle: Link, subnets: Subnets | None) -> list[Filter]:
    """What leads nowhere goes on as if there were no limit."""
    if subnets is None:
        return [_all_of_it(1, middle)]
    redirect = middle.index if subnets.shaped else 0
    some = [_of(network, DESTINATION, SHAPED_CLASS, redirect) for network in subnets.networks]
    return some if subnets.shaped else [*some, _all_of_it(LAST, middle)]


def _all_of_it(priority: int, middle: Link) -> Filter:
    return Filter(priority=priority, protocol=ETH_P_ALL, class_id=SHAPED_CLASS, redirect=middle.index)


def _of(network: Network, side: str, class_id: int, redirect: int = 0) -> Filter:
    return Filter(
        priority=1 if network.version == 4 else 2,
        protocol=ETH_P_IP if network.version == 4 else ETH_P_IPV6,
        keys=filters.keys_of(network, side),
        class_id=class_id,
        redirect=redirect,
    )


def _default_class(subnets: Subnets) -> int:
    return 0 if subnets.shaped else SHAPED_CLASS & 0xFFFF


def _queue(bucket: Bucket) -> int:
    return max(bucket.limit, ROOM)


# CHECK


def check_sending(net: Rtnl, link: Link, bucket: Bucket) -> None:
    """A token bucket for all that the link sends."""
    found = qdiscs.find(net, link)
    if found is None or found.kind != "tbf":
        raise _missing(link, "tbf", found.kind if found else "none")
    _compare(link, "Rate", bucket.rate, found.rate)
    _compare(link, "Limit", bucket.limit, found.limit)
    _compare(link, "Buffer", bucket.ticks, found.ticks)


def check_classes(net: Rtnl, far: Link, bucket: Bucket, subnets: Subnets) -> None:
    found = qdiscs.find(net, far)
    if found is None or found.kind != "htb":
        raise _missing(far, "htb", found.kind if found else "none")
    _compare(far, "Default class", _default_class(subnets), found.default_class)
    shaped = next((one for one in qdiscs.classes(net, far) if one.handle == SHAPED_CLASS), None)
    queue = qdiscs.find(net, far, SHAPED_CLASS)
    if shaped is None or queue is None:
        raise _missing(far, "class 1:1 with its queue", "none")
    _compare(far, "Rate", bucket.rate, shaped.rate)
    _compare(far, "Limit", _queue(bucket), queue.limit)
    _compare(far, "Buffer", bucket.ticks, shaped.ticks)
    _compare_filters(net, far, FIRST, to_classes(subnets))


def check_redirected(net: Rtnl, far: Link, middle: Link, subnets: Subnets | None) -> None:
    _compare_filters(net, far, INGRESS_HANDLE, to_ifb(middle, subnets))


def _compare_filters(net: Rtnl, far: Link, parent: int, wanted: list[Filter]) -> None:
    found = sorted(filters.dump(net, far, parent), key=lambda one: one.priority)
    if found != sorted(wanted, key=lambda one: one.priority):
        raise CheckFailed(
            f"Filters of {far.name} don't match",
            hint=f"{len(wanted)} were made and {len(found)} are there; something changed them after ADD",
        )


def _compare(link: Link, what: str, wanted: int, found: int | None) -> None:
    if found != wanted:
        raise CheckFailed(f"{what} doesn't match", hint=f"{link.name} has {found} and not {wanted}")


def _missing(link: Link, wanted: str, found: str) -> CheckFailed:
    return CheckFailed(
        "Failed to find qdisc",
        hint=f"{link.name} has {found} and not {wanted}: something removed it after ADD",
    )
