"""Where the caret stands, whatever is above it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from multinet.npwg.caret import excerpt


def test_the_caret_stands_below_the_place() -> None:
    assert excerpt("net-a, net_b", 10) == "    net-a, net_b\n              ^"


def test_only_the_line_with_the_place_is_shown_and_without_its_indent() -> None:
    text = '[\n      {\n        "nam": "a"\n      }\n]\n'
    assert excerpt(text, text.index('"nam"')) == '    "nam": "a"\n    ^'


def test_a_place_in_the_indent_keeps_what_is_left_of_it() -> None:
    assert excerpt("     a", 2) == "       a\n    ^"


def test_the_end_of_a_text_is_behind_the_last_thing_written() -> None:
    assert excerpt("net-a,  \n\n", 9) == "    net-a,\n          ^"


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    text = "a" * 500 + "!" + "b" * 500
    shown, caret = excerpt(text, 500).split("\n")
    assert shown == "    …" + "a" * 50 + "!" + "b" * 49 + "…"
    assert shown[caret.index("^")] == "!"


def test_near_the_end_of_a_long_line_the_window_stays_full() -> None:
    text = "a" * 500 + "!"
    shown, caret = excerpt(text, 500).split("\n")
    assert shown == "    …" + "a" * 99 + "!"
    assert shown[caret.index("^")] == "!"


def test_wide_and_unprintable_characters_do_not_move_the_caret() -> None:
    assert excerpt("网络 net_b", 6) == "    网络 net_b\n            ^"
    assert excerpt("a\tb\x00c!", 5) == "    a b\ufffdc!\n         ^"
    assert excerpt("e\u0301!", 2) == "    e\u0301!\n     ^"


@given(st.text(), st.data())
def test_an_excerpt_is_two_printable_lines(text: str, data: st.DataObject) -> None:
    shown, caret = excerpt(text, data.draw(st.integers(0, len(text)))).split("\n")

    assert shown.isprintable()
    assert caret.strip() == "^"
