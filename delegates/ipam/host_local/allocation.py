"""Choosing an address of one range set, and reserving it. The store is locked by the caller."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface
from typing import NamedTuple

from delegates.ipam.host_local.index import Index
from delegates.ipam.host_local.ranges import Range, RangeSet
from delegates.ipam.host_local.store import Store, read_owner
from multinet.cni.types import CIDR, IP, Address
from multinet.errors import AddressError


class Given(NamedTuple):
    """``name``: the address as a text, which its file is called by."""

    address: Address
    name: str


def reserve(store: Store, ranges: RangeSet, number: int, owner: bytes, wanted: IP | None) -> Given:
    """``number`` is the set's; ``wanted`` lies in it. Raises AddressError, IOFailure."""
    if wanted is not None:
        return _reserve_wanted(store, ranges, owner, wanted)
    _refuse_second(store, ranges, owner)
    last = store.last_reserved(number)
    while True:
        one, free = next_free(store.index, ranges, last)
        address = _on_subnet(one, free)
        name = str(address.ip)
        if store.reserve(name, owner):
            return Given(Address(address=address, gateway=one.gateway), name)


def next_free(index: Index, ranges: RangeSet, last: IP | None) -> tuple[Range, int]:
    """The address, as a number, to give after ``last``, and its range. Raises AddressError."""
    found = ranges.first_free(index.taken[ranges.version], last)
    if found is None:
        raise AddressError(
            f"no IP addresses available in range set: {ranges}",
            hint="widen the range, remove pods, or run GC to free what pods that are gone still hold",
        )
    return found


def _reserve_wanted(store: Store, ranges: RangeSet, owner: bytes, wanted: IP) -> Given:
    """A wanted address is given also to who has one already, as the reference does."""
    one = ranges.range_of(wanted)
    assert one is not None, "the address was chosen because it lies in this set"
    if wanted == one.gateway:
        raise AddressError(
            f"requested ip {wanted} is subnet's gateway",
            hint="ask for another, or give the range another gateway",
        )
    name = str(wanted)
    if not store.reserve(name, owner):
        raise AddressError(
            f"requested IP address {wanted} is not available in range set {ranges}",
            hint=_holder(store.index.content(name) or b""),
        )
    return Given(Address(address=_on_subnet(one, int(wanted)), gateway=one.gateway), name)


def _holder(content: bytes) -> str:
    owner = read_owner(content)
    if owner is None:
        return ""
    interface = f", interface {owner.ifname}" if owner.ifname else ""
    return f"it is reserved for container {owner.container_id}{interface}"


def _refuse_second(store: Store, ranges: RangeSet, owner: bytes) -> None:
    for address in store.addresses(owner):
        if ranges.range_of(address) is not None:
            container_id = owner.partition(b"\r\n")[0].decode()
            raise AddressError(
                f"{address} has been allocated to {container_id}, duplicate allocation is not allowed",
                hint="run DEL for this container and interface first",
            )


def _on_subnet(one: Range, number: int) -> CIDR:
    """The address of that number, with the subnet's length."""
    length = one.subnet.prefixlen
    return IPv4Interface((number, length)) if one.version == 4 else IPv6Interface((number, length))
