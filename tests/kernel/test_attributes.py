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
    attributes.parse(data, start)
    list(attributes.each(data, start))
