"""The order of addresses against a model that walks one by one, as the reference does."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import hypothesis.strategies as st
from hypothesis import example, given

from delegates.ipam.host_local.index import Taken
from delegates.ipam.host_local.ranges import Range, RangeSet, read_range
from multinet.cni.types import IP

NET = "10.1.2.0/27"
numbers = st.integers(min_value=0, max_value=31)


@st.composite
def range_sets(draw: st.DrawFn) -> RangeSet:
    """Up to three ranges of one small subnet, in any order, each with a gateway anywhere in the subnet."""
    bounds = sorted(draw(st.sets(st.integers(min_value=1, max_value=30), min_size=2, max_size=6)))
    base = int(ip_network(NET).network_address)
    ranges = [
        Range(
            subnet=ip_network(NET),
            start=ip_address(base + low),
            end=ip_address(base + high),
            gateway=ip_address(base + draw(numbers)),
        )
        for low, high in zip(bounds[::2], bounds[1::2], strict=False)
    ]
    return RangeSet(ranges=tuple(draw(st.permutations(ranges))))


def walk(ranges: RangeSet, last: IP | None) -> Iterator[tuple[Range, IP]]:
    """One round, an address at a time, gateways left out."""
    everything = [
        (one, ip_address(number))
        for one in ranges.ranges
        for number in range(int(one.start), int(one.end) + 1)
    ]
    addresses = [address for _, address in everything]
    after = addresses.index(last) + 1 if last in addresses else 0
    return (
        (one, address) for one, address in everything[after:] + everything[:after] if address != one.gateway
    )


@given(range_sets(), st.sets(numbers), st.none() | numbers)
def test_the_next_address_is_the_one_that_walking_finds(
    ranges: RangeSet, used: set[int], last: int | None
) -> None:
    base = int(ip_network(NET).network_address)
    taken = Taken()
    for number in used:
        taken.add(base + number)
    previous = None if last is None else ip_address(base + last)
    free = ((one, int(address)) for one, address in walk(ranges, previous) if int(address) - base not in used)
    assert ranges.first_free(taken, previous) == next(free, None)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40))), st.integers(0, 45))
@example([(True, n) for n in range(40)], 0)
def test_taken_numbers_are_a_set(changes: list[tuple[bool, int]], start: int) -> None:
    taken, model = Taken(), set()
    for adding, number in changes:
        (taken.add if adding else taken.discard)(number)
        (model.add if adding else model.discard)(number)
        assert taken.first_free(number) == next(n for n in range(number, 99) if n not in model)
    assert taken.first_free(start) == next(n for n in range(start, 99) if n not in model)


class Counting(Taken):
    """Counts how often it is asked."""

    asked = 0

    def first_free(self, start: int) -> int:
        self.asked += 1
        return super().first_free(start)


def test_the_size_of_a_range_does_not_matter_nor_how_much_of_it_is_taken() -> None:
    for subnet in ("10.0.0.0/8", "fd00::/16"):
        huge = read_range(subnet, "", "", "")
        ranges = RangeSet(ranges=(huge,))
        taken = Counting()
        start = int(huge.start)
        for number in range(start, start + 5000):
            taken.add(number)
        taken.asked = 0
        assert ranges.first_free(taken, ip_address(start + 7)) == (huge, start + 5000)
        assert ranges.first_free(taken, huge.end) == (huge, start + 5000)
        assert taken.asked <= 4
