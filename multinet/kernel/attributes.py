"""Netlink attributes: type, length, value, padded to four bytes (linux/netlink.h)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from struct import Struct
from typing import NamedTuple

NESTED = 0x8000
"""NLA_F_NESTED: the value is attributes itself."""
_KIND = 0x3FFF

_HEADER = Struct("=HH")
_U32 = Struct("=HHI")
_U16 = Struct("=HHHxx")
_U8 = Struct("=HHBxxx")
_MOST_LENGTHS, _MOST_ALIKE = 64, 4
"""How many layouts are remembered: 1 kB each. Of a length there is seldom more than one: names are padded."""
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")

_u32 = _U32.pack
_pack = _HEADER.pack
_unpack = _HEADER.unpack_from


def raw(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return _pack(length, kind) + value + _PADDING[length & 3]


def u32(kind: int, value: int) -> bytes:
    return _u32(8, kind, value)


def u16(kind: int, value: int) -> bytes:
    return _U16.pack(6, kind, value)


def u8(kind: int, value: int) -> bytes:
    return _U8.pack(5, kind, value)


def text(kind: int, value: str) -> bytes:
    return raw(kind, value.encode() + b"\0")


def nested(kind: int, *parts: bytes) -> bytes:
    return raw(kind, b"".join(parts))


def each(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """All attributes from ``start`` on, in their order, for lists in which a type is repeated."""
    end = len(data)
    while start + 4 <= end:
        length, kind = _unpack(data, start)
        if length < 4:
            return
        yield kind & _KIND, data[start + 4 : start + length]
        start += (length + 3) & ~3


class _Layout(NamedTuple):
    """Where the attributes of a message stand."""

    headers: Struct
    expected: tuple[int, ...]
    """What ``headers`` finds in a message that is laid out like this."""
    wanted: tuple[tuple[int, int, int], ...]
    """Kind, and where its value begins and ends."""


class Picker:
    """Finds the attributes of some kinds in messages of one type, from ``start`` on.

    A link has forty attributes, and to walk over them costs as much as to ask the kernel for them. But links of a
    kind are laid out alike. Each header tells where the next one is: so where they all stand in the places of an
    earlier message, and are the same, the walk would be the same. That is asked in one go, and only a layout that
    is new is walked through.
    """

    def __init__(self, start: int, wanted: frozenset[int]) -> None:
        self._start = start
        self._wanted = wanted
        self._seen: dict[int, list[_Layout]] = {}
        """By the length of the message."""

    def __call__(self, data: bytes) -> dict[int, bytes]:
        """The wanted attributes by type; nothing is decoded further."""
        for headers, expected, wanted in self._seen.get(len(data), ()):
            if headers.unpack_from(data, self._start) == expected:
                return {kind: data[begin:end] for kind, begin, end in wanted}
        return self._walk(data)

    def _walk(self, data: bytes) -> dict[int, bytes]:
        wanted: dict[int, tuple[int, int, int]] = {}
        places: list[int] = []
        start, end = self._start, len(data) - 3
        while start < end:
            length, kind = _unpack(data, start)
            if length < 4:
                break  # what comes after it is nothing, and the next one like it is walked through as well
            kind &= _KIND
            if kind in self._wanted:
                wanted[kind] = kind, start + 4, start + length
            places.append(start)
            start += (length + 3) & ~3
        else:
            self._remember(data, places, tuple(wanted.values()))
        return {kind: data[begin:end] for kind, begin, end in wanted.values()}

    def _remember(self, data: bytes, places: list[int], wanted: tuple[tuple[int, int, int], ...]) -> None:
        if len(self._seen) >= _MOST_LENGTHS:
            self._seen.clear()
        there = self._seen.setdefault(len(data), [])
        if places and len(there) < _MOST_ALIKE:
            headers = Struct(f"={''.join(f'I{after - at - 4}x' for at, after in pairwise(places))}I")
            there.append(_Layout(headers, headers.unpack_from(data, self._start), wanted))


def parse(data: bytes, start: int = 0) -> dict[int, bytes]:
    """The attributes from ``start`` on by type; nothing is decoded further."""
    found: dict[int, bytes] = {}
    end = len(data) - 3
    while start < end:
        length, kind = _unpack(data, start)
        if length < 4:
            break
        found[kind & _KIND] = data[start + 4 : start + length]
        start += (length + 3) & ~3
    return found
