"""JSON as the specification's programs read it."""

from __future__ import annotations

from typing import Any

import pytest

from multinet.cni import jsonkeys
from multinet.errors import DecodingFailure, InvalidConfig


def refusal(text: str | bytes) -> str:
    with pytest.raises(DecodingFailure) as caught:
        jsonkeys.load(text)
    return str(caught.value)


NUL = "a string holds the character NUL (it ends every name and path for the kernel: leave it out)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (b'{"a": 1, "b": [1.5, true]}', {"a": 1, "b": [1.5, True]}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        (" \n[]\t", []),
        ('"\\ud83d\\ude00 \U0001f600"', "\U0001f600 \U0001f600"),
        ('"\\\\u0000"', "\\u0000"),
        (str(2**70), 2**70),
        ("[" * 64 + "]" * 64, None),
    ],
)
def test_json_is_read(text: str | bytes, value: Any) -> None:
    found = jsonkeys.load(text)
    assert value is None or found == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"sysctl": {"a": "1", "b": "2", "a": "3"}}', {"sysctl": {"a": ["1", "3"], "b": "2"}}),
        ('{"x": [{"SysCtl": {"a": "1", "a": "1"}}]}', {"x": [{"SysCtl": {"a": ["1", "1"]}}]}),
        ('{"sysctl": {"a": {"b": 1, "b": 2}}, "c": 1, "c": 2}', {"sysctl": {"a": {"b": 2}}, "c": 2}),
        ('{"sysctl": {"a": "1", "a": "2"}, "sysctl": {"a": "3"}}', {"sysctl": {"a": "3"}}),
        ('["sysctl", {"a": 1, "a": 2}]', ["sysctl", {"a": 2}]),
    ],
)
def test_of_a_kernel_parameter_that_is_there_twice_both_values_are_kept(text: str, value: Any) -> None:
    assert jsonkeys.load(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unexpected end of JSON input: there is nothing in it"),
        (b" \n\t", "unexpected end of JSON input: there is nothing in it"),
        ("{", 'expected a key in double quotes, but the text ends here (line 1, column 2)\n    {\n     ^'),
        (
            '{"name": "a",\n  "type" "b"}',
            "expected ':' (line 2, column 10)\n      \"type\" \"b\"}\n             ^",
        ),
        ("{'a': 1}", "expected a key in double quotes (line 1, column 2)\n    {'a': 1}\n     ^"),
        (
            '{"a": 1} x',
            "expected nothing more after the end of the JSON (line 1, column 10)\n"
            '    {"a": 1} x\n             ^',
        ),
        ('["a]', 'this string has no end (line 1, column 2)\n    ["a]\n     ^'),
        ('["a\tb"]', "a string can't hold a control character (line 1, column 4)\n    [\"a b\"]\n       ^"),
        ('[nope]', "expected a value (line 1, column 2)\n    [nope]\n     ^"),
        ('[1 2]', "expected ',' (line 1, column 4)\n    [1 2]\n       ^"),
        ("[NaN]", "NaN is not a JSON value"),
        ("[-Infinity]", "-Infinity is not a JSON value"),
        ("[1e999]", "the number 1e999 is too large"),
        ("[" + "9" * 5000 + "]", "a number has too many digits"),
        ('{"a": "\\ud800"}', "a string holds half of a surrogate pair, which is no character"),
        ('{"\\uDFFF": 1}', "a string holds half of a surrogate pair, which is no character"),
        ('"\ud800"', "a string holds half of a surrogate pair, which is no character"),
        ('{"a": ["b\\u0000"]}', NUL),
        ('{"\\\\\\u0000": 1}', NUL),
        (b'"\xff"', "byte 2 is not UTF-8 (JSON is UTF-8 text)"),
        ("[" * 65 + "]" * 65, "more than 64 lists and objects inside each other"),
        ('{"a":' * 65 + "1" + "}" * 65, "more than 64 lists and objects inside each other"),
        ("[" * 200_000, "more than 64 lists and objects inside each other"),
        ('{"a":' * 200_000, "more than 64 lists and objects inside each other"),
    ],
    ids=range(24),
)  # fmt: skip
def test_what_is_no_json_is_refused_with_the_place(text: str | bytes, message: str) -> None:
    assert refusal(text) == message


def test_of_a_long_line_the_part_around_the_place_is_shown():
    text = '{"a": "' + "x" * 500 + '", oops}'
    message, line, caret = refusal(text).split("\n")
    assert message == "expected a key in double quotes (line 1, column 511)"
    assert len(line) <= 74
    assert line[caret.index("^") :] == "oops}"


KNOWN = ("name", "cniVersion", "runtimeConfig")


@pytest.mark.parametrize(
    ("given", "folded"),
    [
        ({"name": "a", "other": 1}, {"name": "a", "other": 1}),
        ({"NAME": "a", "cniversion": "1.0.0"}, {"name": "a", "cniVersion": "1.0.0"}),
        ({"RuntimeConfig": {"Name": 1}}, {"runtimeConfig": {"Name": 1}}),
        ({"name": "a", "Name": "b"}, {"name": "a"}),
        ({"Name": "b", "name": "a"}, {"name": "a"}),
        ({"Name": "a", "NAME": "b"}, {"name": "b"}),
        ({"Other": 1, "OTHER": 2}, {"Other": 1, "OTHER": 2}),
        ({}, {}),
    ],
)
def test_keys_match_in_any_case_and_the_exact_one_wins(given: dict[str, Any], folded: dict[str, Any]) -> None:
    before = dict(given)
    assert jsonkeys.fold(given, KNOWN) == folded
    assert jsonkeys.fold(given, frozenset(KNOWN)) == folded
    assert jsonkeys.fold(given, iter(KNOWN)) == folded
    assert given == before


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (jsonkeys.string, 1, "expected a string, got a number"),
        (jsonkeys.string, True, "expected a string, got true"),
        (jsonkeys.string, [], "expected a string, got a list"),
        (jsonkeys.integer, "1", "expected a whole number, got a string"),
        (jsonkeys.integer, 1.0, "expected a whole number, got a number with a fraction"),
        (jsonkeys.integer, False, "expected a whole number, got false"),
        (jsonkeys.integer, 2**63, "the number is too large"),
        (jsonkeys.integer, -(2**63) - 1, "the number is too large"),
        (jsonkeys.boolean, 1, "expected true or false, got a number"),
        (jsonkeys.boolean, "true", "expected true or false, got a string"),
        (jsonkeys.mapping, [], "expected an object, got a list"),
        (jsonkeys.items, {}, "expected a list, got an object"),
        (jsonkeys.strings, "a", "expected a list, got a string"),
    ],
)
def test_a_member_of_the_wrong_type_is_refused_with_its_path(read: Any, value: Any, message: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read({"key": value}, "key")
    assert str(caught.value) == f"key: {message}"


@pytest.mark.parametrize(
    ("read", "default"),
    [
        (jsonkeys.string, ""),
        (jsonkeys.integer, None),
        (jsonkeys.boolean, False),
        (jsonkeys.mapping, None),
        (jsonkeys.items, []),
        (jsonkeys.strings, ()),
    ],
)
def test_null_and_nothing_are_the_default(read: Any, default: Any) -> None:
    assert read({}, "key") == default
    assert read({"key": None}, "key") == default
