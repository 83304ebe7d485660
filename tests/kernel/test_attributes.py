"""Netlink attributes: what is written reads back, and nothing that is read raises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from multinet.kernel import attributes

KINDS = st.integers(0, 0x3FFF)
NUMBERS = st.integers(0, 2**32 - 1)


@given(st.lists(st.tuples(KINDS, st.binary(max_size=50))), st.binary(max_size=20))
def test_whatever_is_written_reads_back(written: list[tuple[int, bytes]], before: bytes) -> None:
    data = before + b"".join(attributes.raw(kind, value) for kind, value in written)
    assert list(attributes.each(data, len(before))) == written
    assert attributes.parse(data, len(before)) == dict(written)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=9)), max_size=6)), st.binary(max_size=5)
)
def test_messages_that_are_laid_out_alike_are_told_apart(
    messages: list[list[tuple[int, bytes]]], after: bytes
) -> None:
    pick = attributes.Picker(8, frozenset({1, 3, 5}))
    for written in messages * 2:
        data = bytes(8) + b"".join(attributes.raw(kind, value) for kind, value in written) + after
        everything = attributes.parse(data, 8)
        assert pick(data) == {kind: everything[kind] for kind in everything if kind in (1, 3, 5)}


def test_a_value_that_looks_like_attributes_is_a_value() -> None:
    pick = attributes.Picker(0, frozenset({1}))
    two = attributes.u32(2, 7) + attributes.u32(1, 8)
    assert pick(two) == {1: b"\x08\0\0\0"}
    assert pick(attributes.raw(2, two[4:])) == {}, "of the same length, with the same bytes behind its header"


def test_no_more_layouts_are_remembered_than_are_of_use() -> None:
    pick = attributes.Picker(0, frozenset({1}))
    for length in range(300):
        for kind in range(1, 9):
            assert pick(attributes.raw(kind, bytes(4 * length))) == (
                {1: bytes(4 * length)} if kind == 1 else {}
            )
    kept = [len(alike) for alike in pick._seen.values()]
    assert len(kept) <= 64
    assert max(kept) <= 4


@given(KINDS, NUMBERS)
def test_numbers_have_their_size_and_are_padded(kind: int, number: int) -> None:
    data = (
        attributes.u8(kind, number & 0xFF)
        + attributes.u16(kind, number & 0xFFFF)
        + attributes.u32(kind, number)
    )
    assert len(data) == 24
    values = [value for _, value in attributes.each(data)]
    assert [len(value) for value in values] == [1, 2, 4]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_text_ends_with_a_zero(text: str) -> None:
    assert attributes.parse(attributes.text(3, text)) == {3: text.encode() + b"\0"}


def test_attributes_nest() -> None:
    data = attributes.nested(1 | attributes.NESTED, attributes.u32(2, 7), attributes.nested(3))
    assert attributes.parse(attributes.parse(data)[1]) == {2: b"\7\0\0\0", 3: b""}


@given(st.binary(max_size=200), st.integers(0, 20))
def test_whatever_is_read_ends(data: bytes, start: int) -> None:
    everything = attributes.parse(data, start)
    list(attributes.each(data, start))
    assert attributes.Picker(start, frozenset(everything))(data) == everything
