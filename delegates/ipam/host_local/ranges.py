"""Ranges and range sets: how they are read, and in which order their addresses are given out.

A set gives one address. The order is the reference's, since both may work on one folder: from the address
after the last one given, through the set's ranges and around once, past each range's gateway. Nothing here
walks over addresses one by one; ``taken`` jumps over what is in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from itertools import combinations
from typing import Any, Protocol, TypeAlias

from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.cni.types import IP
from multinet.errors import InvalidConfig, inside

Network: TypeAlias = IPv4Network | IPv6Network

KEYS = ("subnet", "rangeStart", "rangeEnd", "gateway")


class Taken(Protocol):
    """The addresses of one family that are in use, as numbers."""

    def first_free(self, start: int) -> int:
        """The first that is not in use, from ``start`` on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """``start`` and ``end`` belong to it. Numbers are kept beside the addresses: every ADD asks for them again."""

    subnet: Network
    start: IP
    end: IP
    gateway: IP
    version: int = field(init=False, repr=False, compare=False)
    first: int = field(init=False, repr=False, compare=False)
    last: int = field(init=False, repr=False, compare=False)
    never: int = field(init=False, repr=False, compare=False)
    """The gateway's number, -1 where that is of the other family."""

    def __post_init__(self) -> None:
        same = self.gateway.version == self.subnet.version
        for name, value in (
            ("version", self.subnet.version),
            ("first", int(self.start)),
            ("last", int(self.end)),
            ("never", int(self.gateway) if same else -1),
        ):
            object.__setattr__(self, name, value)

    def __contains__(self, address: IP) -> bool:
        return address.version == self.version and self.first <= int(address) <= self.last

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"

    def overlaps(self, other: Range) -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, kw_only=True, slots=True)
class RangeSet:
    """At least one range, all of one family, none overlapping another."""

    ranges: tuple[Range, ...]

    @property
    def version(self) -> int:
        return self.ranges[0].version

    def __str__(self) -> str:
        return ",".join(map(str, self.ranges))

    def range_of(self, address: IP) -> Range | None:
        for one in self.ranges:
            if address in one:
                return one
        return None

    def overlaps(self, other: RangeSet) -> bool:
        return any(mine.overlaps(theirs) for mine in self.ranges for theirs in other.ranges)

    def first_free(self, taken: Taken, last: IP | None) -> tuple[Range, int] | None:
        """The next address to give, as a number, when ``last`` was given last; None when all are in use."""
        for one, low, high in self._around(last):
            free = taken.first_free(low)
            if free == one.never:
                free = taken.first_free(free + 1)
            if free <= high:
                return one, free
        return None

    def _around(self, last: IP | None) -> Iterator[tuple[Range, int, int]]:
        """The stretches of one round, each with its first and last number. A last address that is not of
        this set (it has been configured anew) is as good as none."""
        first = self.range_of(last) if last is not None else None
        if first is None or last is None:
            for one in self.ranges:
                yield one, one.first, one.last
            return
        yield first, int(last) + 1, first.last
        at = self.ranges.index(first)
        for one in self.ranges[at + 1 :] + self.ranges[:at]:
            yield one, one.first, one.last
        yield first, first.first, int(last)


def read_sets(listed: Sequence[Sequence[tuple[str, Mapping[str, Any]]]]) -> tuple[RangeSet, ...]:
    """All range sets, checked against each other. A range comes with the path it was found at."""
    sets = tuple(_read_set(number, ranges) for number, ranges in enumerate(listed))
    for first, second in combinations(range(len(sets)), 2):
        if sets[first].overlaps(sets[second]):
            raise InvalidConfig(
                f"range set {first} overlaps with {second}", hint="no address may be in two of them"
            )
    return sets


def _read_set(number: int, listed: Sequence[tuple[str, Mapping[str, Any]]]) -> RangeSet:
    try:
        if not listed:
            raise Unfit("empty range set", hint="give it a subnet, or leave it out")
        ranges: list[Range] = []
        for path, given in listed:
            with inside(path):
                ranges.append(read_range(*(given.get(key, "") for key in KEYS)))
            if ranges[0].subnet.version != ranges[-1].subnet.version:
                raise Unfit("mixed address families", hint="each family needs a range set of its own")
        for first, second in combinations(ranges, 2):
            if first.overlaps(second):
                raise Unfit(f"subnets {first} and {second} overlap")
    except Unfit as error:
        raise InvalidConfig(f"invalid range set {number}: {error.message}", hint=error.hint) from None
    return RangeSet(ranges=tuple(ranges))


class Unfit(InvalidConfig):
    """Why a range can't be one: told with the number of its set."""


@lru_cache(maxsize=512)
def read_range(subnet: str, start: str, end: str, gateway: str) -> Range:
    """ "" is the default: everything but the network's address and, for IPv4, the broadcast address, with the
    first one for the gateway. Raises InvalidConfig.
    """
    with inside(".subnet"):
        given = parse_cidr(subnet)
    network: Network = given.network
    smallest = network.max_prefixlen - 2
    if network.prefixlen > smallest:
        raise Unfit(f"Network {given} too small to allocate from", hint=f"/{smallest} is the smallest")
    if given.version == 4 and ":" in subnet:
        raise Unfit("IPNet IP and Mask version mismatch", hint="write an IPv4 subnet as IPv4")
    if given.ip != network.network_address:
        raise Unfit(
            f"Network has host bits set. For a subnet mask of length {network.prefixlen} "
            f"the network address is {network.network_address}"
        )
    lowest = network.network_address + 1
    highest = network.broadcast_address - (1 if network.version == 4 else 0)
    made = Range(
        subnet=network,
        start=_address(start, ".rangeStart") or lowest,
        end=_address(end, ".rangeEnd") or highest,
        gateway=_address(gateway, ".gateway") or lowest,
    )
    if start:
        _check_start(made)
    if made.end not in network or int(made.end) < int(made.start):
        raise Unfit(f"RangeEnd {made.end} not in network {network}")
    return made


def _check_start(made: Range) -> None:
    """The reference lets a start pass that is the broadcast address, and then walks out of the subnet."""
    inner = made.start in made.subnet
    if not inner or (made.start.version == made.end.version and int(made.start) > int(made.end)):
        raise Unfit(
            f"RangeStart {made.start} not in network {made.subnet}",
            hint=f"the last address of this range is {made.end}" if inner else "",
        )


def _address(text: str, path: str) -> IP | None:
    if not text:
        return None
    with inside(path):
        return parse_ip(text)
