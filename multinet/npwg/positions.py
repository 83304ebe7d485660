"""JSON with the place of each value, so that a wrong value can be pointed at (RFC 8259).

Stricter than Go's and Python's readers where those lose what was written: a key given twice, a number that no
machine holds, ``NaN`` and half a surrogate pair are errors. Whatever goes in, nothing but the text's own
error comes out: the depth has a limit, and no pattern here backtracks.
"""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, NamedTuple, TypeAlias

from multinet.npwg.caret import Text

MAX_DEPTH = 64
_MAX_DIGITS = 400

Value: TypeAlias = "bool | int | float | str | list[Node] | dict[str, Member] | None"


class Node(NamedTuple):
    """A value and where it begins."""

    at: int
    value: Value


class Member(NamedTuple):
    """A key's place and its value."""

    at: int
    node: Node


_BLANKS = re.compile(r"[ \t\r\n]*+")
_WORD = re.compile(
    r"(?:(true)|(false)|(null)|(-?(?:0|[1-9][0-9]*+))(\.[0-9]++)?([eE][-+]?[0-9]++)?)(?![\w.+-])"
)
_STRING = re.compile(
    r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*',
)
_OTHER_QUOTES = "'`\u2018\u2019\u201c\u201d"
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def read(text: Text) -> Node:
    """value = the one JSON value that the text holds."""
    node, at = _value(text, _blanks(text, 0), 0)
    if at < len(text.text):
        raise text.wrong(at, "expected nothing more after the end of the JSON")
    return node


def plain(node: Node) -> Any:
    """The value as ``json.loads`` would give it."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(member.node) for key, member in node.value.items()}
    return node.value


def _value(text: Text, at: int, depth: int) -> tuple[Node, int]:
    """The value at ``at``, and where the next thing after it begins."""
    if depth > MAX_DEPTH:
        raise text.wrong(at, f"expected no more than {MAX_DEPTH} lists and objects inside each other")
    match text.text[at : at + 1]:
        case '"':
            string, end = _string(text, at)
            return Node(at, string), end
        case "{":
            return _object(text, at, depth)
        case "[":
            return _list(text, at, depth)
        case _:
            return _word(text, at)


def _list(text: Text, start: int, depth: int) -> tuple[Node, int]:
    """list = "[" [ value *( "," value ) ] "]" """
    items: list[Node] = []
    at = _blanks(text, start + 1)
    if text.text.startswith("]", at):
        return Node(start, items), _blanks(text, at + 1)
    while True:
        item, at = _value(text, at, depth + 1)
        items.append(item)
        if text.text.startswith("]", at):
            return Node(start, items), _blanks(text, at + 1)
        at = _expect(text, at, ",", "',' or ']'")


def _object(text: Text, start: int, depth: int) -> tuple[Node, int]:
    """object = "{" [ string ":" value *( "," string ":" value ) ] "}" """
    members: dict[str, Member] = {}
    at = _blanks(text, start + 1)
    if text.text.startswith("}", at):
        return Node(start, members), _blanks(text, at + 1)
    while True:
        place = at
        if not text.text.startswith('"', at):
            raise text.wrong(at, "expected a key in double quotes" + _but(text, at))
        key, at = _string(text, at)
        if key in members:
            raise text.wrong(place, f"the key {json.dumps(key)} is given twice")
        node, at = _value(text, _expect(text, at, ":", "':'"), depth + 1)
        members[key] = Member(place, node)
        if text.text.startswith("}", at):
            return Node(start, members), _blanks(text, at + 1)
        at = _expect(text, at, ",", "',' or '}'")


def _string(text: Text, start: int) -> tuple[str, int]:
    """The string that begins with the quote at ``start``.

    The pattern takes all that is right, so where it ends is either the closing quote or the mistake.
    """
    matched = _STRING.match(text.text, start)
    assert matched, "only called where there is a quote"
    end = matched.end()
    match text.text[end : end + 1]:
        case '"':
            pass
        case "":
            raise text.wrong(start, "this string has no end: expected a closing '\"'")
        case "\\":
            raise text.wrong(
                end, 'expected an escape that JSON knows: \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX'
            )
        case _:
            raise text.wrong(
                end, "a string can't hold a control character: write \\n for a line break, \\t for a tab"
            )
    string = matched[0][1:]
    if "\\" in string:
        string = str(json.loads(text.text[start : end + 1]))
    if _HALF_PAIR.search(string):
        raise text.wrong(start, "this string holds half of a surrogate pair, which is no character")
    return string, _blanks(text, end + 1)


def _word(text: Text, at: int) -> tuple[Node, int]:
    """word = "true" / "false" / "null" / number"""
    word = _WORD.match(text.text, at)
    if word is None:
        raise text.wrong(at, "expected a value" + _but(text, at))
    after = _blanks(text, word.end())
    true, false, null, digits, fraction, exponent = word.groups()
    if null:
        return Node(at, None), after
    if true or false:
        return Node(at, bool(true)), after
    if len(word[0]) > _MAX_DIGITS:
        raise text.wrong(at, f"expected a number of at most {_MAX_DIGITS} characters")
    if not fraction and not exponent:
        return Node(at, int(digits)), after
    number = float(word[0])
    if isinf(number):
        raise text.wrong(at, "this number is too large")
    return Node(at, number), after


def _expect(text: Text, at: int, sign: str, words: str) -> int:
    """``sign`` is at ``at``; where does the next thing begin?"""
    if not text.text.startswith(sign, at):
        raise text.wrong(at, f"expected {words}" + _but(text, at))
    return _blanks(text, at + 1)


def _but(text: Text, at: int) -> str:
    """What is there instead, where that helps."""
    match text.text[at : at + 1]:
        case "":
            return ", but the text ends here"
        case sign if sign in _OTHER_QUOTES:
            return ": JSON quotes with '\"' only"
        case "]" | "}" if text.text[:at].rstrip().endswith(","):
            return " after the ','"
        case _:
            return ""


def _blanks(text: Text, at: int) -> int:
    """Where the next thing at or after ``at`` begins."""
    matched = _BLANKS.match(text.text, at)
    return matched.end() if matched else at
