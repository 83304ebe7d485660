"""JSON with places: what it holds, and where the caret goes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.errors import SelectionError
from multinet.npwg.caret import Text
from multinet.npwg.positions import MAX_DEPTH, Node, plain, read
from tests.npwg.marks import unmark

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def refusal(text: str) -> str:
    with pytest.raises(SelectionError) as caught:
        read(Text(text, "text"))
    return str(caught.value)


@given(JSON, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_it_reads_what_python_reads(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    assert plain(read(Text(text, "text"))) == value


def test_every_value_and_key_knows_its_place() -> None:
    text = ' {"a": [1, {"b": null}], "c": "x"}'
    node = read(Text(text, "text"))
    places: list[str] = []

    def walk(node: Node) -> None:
        places.append(text[node.at])
        if isinstance(node.value, list):
            for item in node.value:
                walk(item)
        if isinstance(node.value, dict):
            for key, member in node.value.items():
                assert text[member.at : member.at + 3] == f'"{key}"'
                walk(member.node)

    walk(node)
    assert "".join(places) == '{[1{n"'


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("^", "expected a value, but the text ends here"),
        ("[^", "expected a value, but the text ends here"),
        ("[1^", "expected ',' or ']', but the text ends here"),
        ("[1 ^2]", "expected ',' or ']'"),
        ("[1,^]", "expected a value after the ','"),
        ("[^,1]", "expected a value"),
        ("[1]^]", "expected nothing more after the end of the JSON"),
        ("{^1: 2}", "expected a key in double quotes"),
        ("{^'a': 1}", "expected a key in double quotes: JSON quotes with '\"' only"),
        ('{"a": 1,^}', "expected a key in double quotes after the ','"),
        ('{"a" ^1}', "expected ':'"),
        ('{"a": 1 ^"b": 2}', "expected ',' or '}'"),
        ('{"a": 1, ^"a": 2}', 'the key "a" is given twice'),
        ("[^\u201ca\u201d]", "expected a value: JSON quotes with '\"' only"),
        ('[^"a]', "this string has no end: expected a closing '\"'"),
        (r'["a^\u""001f"]', r"expected an escape that JSON knows: \" \\ \/ \b \f \n \r \t \uXXXX"),
        (r'["a^\x"]', r"expected an escape that JSON knows: \" \\ \/ \b \f \n \r \t \uXXXX"),
        ('["a^\nb"]', r"a string can't hold a control character: write \n for a line break, \t for a tab"),
        (r'[^"\ud800"]', "this string holds half of a surrogate pair, which is no character"),
        ("[^NaN]", "expected a value"),
        ("[^-Infinity]", "expected a value"),
        ("[^True]", "expected a value"),
        ("[^01]", "expected a value"),
        ("[^1.]", "expected a value"),
        ("[^1e999]", "this number is too large"),
        ("[^\N{DEVANAGARI DIGIT ONE}]", "expected a value"),
    ],
)
def test_a_mistake_is_pointed_at(marked: str, message: str) -> None:
    text, excerpt = unmark(marked)

    assert refusal(text) == f"text: {message}\n{excerpt}"


def test_the_depth_has_a_limit() -> None:
    deepest = "[" * MAX_DEPTH + "[]" + "]" * MAX_DEPTH
    assert plain(read(Text(deepest, "text"))) == json.loads(deepest)

    assert refusal("[" * 100_000).startswith(
        "text: expected no more than 64 lists and objects inside each other\n"
    )


def test_a_number_nobody_can_hold_is_refused() -> None:
    assert refusal("1" * 5000).startswith("text: expected a number of at most 400 characters\n")


def test_a_long_unfinished_string_is_refused_at_once() -> None:
    assert refusal('"' + "a" * 1_000_000).startswith("text: this string has no end")


@given(st.text() | st.text(alphabet="[]{}\",:\\ \n0123456789-+.eEtruefalsn'u"))
def test_nothing_but_our_error_comes_out(text: str) -> None:
    with suppress(SelectionError):
        read(Text(text, "text"))
