"""JSON as the specification's programs read it: keys in any case, ``null`` is "not said", types are strict.

The reference decodes with Go's ``encoding/json``, and configurations in the field rely on its habits: a key
may be written in any case (the exact spelling wins), of two equal keys the later counts, and ``null`` leaves
the default. What that decoder lets pass and nobody can have meant is refused: ``NaN``, numbers no machine
holds, half a surrogate pair.

Nothing but our errors comes out of ``load``, whatever goes in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from math import isinf
from typing import Any, Final, NoReturn, TypeVar

from multinet.errors import DecodingFailure, InvalidConfig, MultinetError

E = TypeVar("E", bound=MultinetError)

MAX_DEPTH: Final = 64
"""Lists and objects inside each other; a configuration has about six."""

MAX_INT: Final = 2**63 - 1

KEPT_WHOLE: Final = "sysctl"
"""In an object of this name, written in any case, a key that is given twice holds the list of its values. Of two
values for a kernel parameter nobody knows which was meant, and only who sees both can refuse them."""

_TOO_DEEP: Final = f"more than {MAX_DEPTH} lists and objects inside each other"
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")
_SHOWN: Final = 70
_EXPECTED: Final = {
    "Expecting value": "expected a value",
    "Expecting property name enclosed in double quotes": "expected a key in double quotes",
    "Expecting ':' delimiter": "expected ':'",
    "Expecting ',' delimiter": "expected ','",
    "Illegal trailing comma before end of object": "expected a key in double quotes",
    "Illegal trailing comma before end of array": "expected a value",
    "Unterminated string starting at": "this string has no end",
    "Invalid control character at": "a string can't hold a control character",
    "Extra data": "expected nothing more after the end of the JSON",
}


def load(text: str | bytes) -> Any:
    """The value a JSON text holds. Raises DecodingFailure with line, column and a caret below the place."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        value = _keeping(text) if KEPT_WHOLE in text.lower() else _DECODER.decode(text)
        if text.count("[") + text.count("{") > MAX_DEPTH:
            _check_depth(value)
        if holds_nul(text):
            raise DecodingFailure(
                "a string holds the character NUL",
                hint="it ends every name and path for the kernel: leave it out",
            )
        if not text.isascii() or _HALF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DecodingFailure(_pointed(error)) from None
    except UnicodeDecodeError as error:
        raise DecodingFailure(f"byte {error.start + 1} is not UTF-8", hint="JSON is UTF-8 text") from None
    except UnicodeEncodeError:
        raise DecodingFailure("a string holds half of a surrogate pair, which is no character") from None
    except RecursionError:
        raise DecodingFailure(_TOO_DEEP) from None
    except ValueError:  # Python's own limit for the digits of an integer
        raise DecodingFailure("a number has too many digits") from None
    return value


def holds_nul(text: str) -> bool:
    """Does a string in this JSON text hold the character NUL? There it is always written as an escape."""
    return "\\u0000" in text and _NUL.search(text) is not None


def _keeping(text: str) -> Any:
    repeated: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            values = {key: [value for other, value in pairs if other == key] for key in found}
            whole = {key: said[0] if len(said) == 1 else said for key, said in values.items()}
            repeated[id(found)] = found, whole  # held here, so that its id is nobody else's
        for key, value in found.items():
            if key.lower() == KEPT_WHOLE and id(value) in repeated:
                found[key] = repeated[id(value)][1]
        return found

    return json.JSONDecoder(object_pairs_hook=build, parse_float=_float, parse_constant=_no_constant).decode(
        text
    )


def _float(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise DecodingFailure(f"the number {digits[:40]} is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise DecodingFailure(f"{name} is not a JSON value")


_DECODER: Final = json.JSONDecoder(parse_float=_float, parse_constant=_no_constant)


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            member
            for container in level
            for member in (container.values() if isinstance(container, dict) else container)
            if isinstance(member, dict | list)
        ]
        if not level:
            return
    raise DecodingFailure(_TOO_DEEP)


def _pointed(error: json.JSONDecodeError) -> str:
    """What was expected, where, and the line with a caret below the place."""
    text, at = error.doc, error.pos
    if not text.strip(" \t\r\n"):
        return "unexpected end of JSON input: there is nothing in it"
    expected = _EXPECTED.get(error.msg, error.msg[:1].lower() + error.msg[1:])
    if at >= len(text.rstrip()) and not expected.startswith("this"):
        expected += ", but the text ends here"
    start = text.rfind("\n", 0, at) + 1
    line = text[start:].split("\n", 1)[0].rstrip()
    left = max(0, at - start - _SHOWN // 2)
    shown = "".join(char if char.isprintable() else " " for char in line[left : left + _SHOWN])
    caret = " " * (at - start - left) + "^"
    return f"{expected} (line {error.lineno}, column {error.colno})\n    {shown}\n    {caret}"


def fold(obj: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The object with its known keys in their written case; others stay. Not to be changed by the caller.

    The exact spelling wins over others, and of several others the last.
    """
    if not isinstance(known, tuple | frozenset):
        known = tuple(known)
    names, spelling = _spellings(known)
    if isinstance(obj, dict) and (obj.keys() <= names or not any(_respelt(obj, names, spelling))):
        return obj
    folded: dict[str, Any] = {}
    for key, value in obj.items():
        name = key if key in names else spelling.get(key.lower(), key)
        if name == key or name not in obj:
            folded[name] = value
    return folded


def _respelt(obj: Mapping[str, Any], names: frozenset[str], spelling: Mapping[str, str]) -> Iterable[bool]:
    return (key not in names and key.lower() in spelling for key in obj)


@lru_cache(maxsize=128)
def _spellings(known: tuple[str, ...] | frozenset[str]) -> tuple[frozenset[str], Mapping[str, str]]:
    return frozenset(known), {name.lower(): name for name in known}


# Members of an object, each with the one type it may have. An absent key and null are the default.


def string(obj: Mapping[str, Any], key: str) -> str:
    value = obj.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise wrong(key, "a string", value)
    return value


def integer(obj: Mapping[str, Any], key: str) -> int | None:
    """A whole number that fits Go's ``int``."""
    value = obj.get(key)
    if value is None:
        return None
    if type(value) is not int:
        raise wrong(key, "a whole number", value)
    if not -MAX_INT - 1 <= value <= MAX_INT:
        raise at(key, InvalidConfig("the number is too large"))
    return value


def boolean(obj: Mapping[str, Any], key: str) -> bool:
    value = obj.get(key)
    if value is None:
        return False
    if type(value) is not bool:
        raise wrong(key, "true or false", value)
    return value


def mapping(obj: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = obj.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise wrong(key, "an object", value)
    return value


def items(obj: Mapping[str, Any], key: str) -> list[Any]:
    value = obj.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(key, "a list", value)
    return value


def strings(obj: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = items(obj, key)
    for index, item in enumerate(value):
        if type(item) is not str:
            raise wrong(f"{key}[{index}]", "a string", item)
    return tuple(value)


def wrong(key: str, expected: str, value: object) -> InvalidConfig:
    """The error for a member of the wrong type."""
    return at(key, InvalidConfig(f"expected {expected}, got {kind(value)}"))


def at(key: str, error: InvalidConfig) -> InvalidConfig:
    """Put a key (or "[index]") in front of the error's path."""
    error.place.insert(0, key if key.startswith("[") else f".{key}")
    return error


def reworded(error: MultinetError, words: str, kind: type[E]) -> E:
    """The same fault told with ``words`` in front, as an error of another kind; hint and details are kept."""
    return kind(f"{words}{error.sentence}", hint=error.hint, details=error.details)


def kind(value: object) -> str:
    """What a JSON value is, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return "a number"
        case float():
            return "a number with a fraction"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def quoted(text: str) -> str:
    """A text inside a message: in double quotes, what can't be seen as an escape."""
    return encode_basestring(text)
