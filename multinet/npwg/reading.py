"""How positioned JSON becomes values: small rules, put together into tables.

A rule takes the text and a node of it and gives the finished value, or raises the text's error at the node.
Keys match in any case, since Go reads them so, and ``null`` is the same as a key left out, since Go's writers
print it for what was never set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from multinet.cni.jsonkeys import holds_nul
from multinet.errors import nearest
from multinet.npwg.caret import Text
from multinet.npwg.positions import Node, plain

T = TypeVar("T")
Rule: TypeAlias = Callable[[Text, Node], T]

MAX_INT = 2**63 - 1
"""Go's ``int``: what other readers of these texts can hold."""

_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    str: "a string",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Fields:
    """What an object said: values by field name, and where each key stood."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)


def expect(text: Text, node: Node, kind: type[T]) -> T:
    """The node's value, which must be of just that kind: ``true`` is not a number here."""
    if type(node.value) is not kind:
        raise text.wrong(node.at, f"expected {_KINDS[kind]}, not {_KINDS[type(node.value)]}")
    return node.value


def string(rule: Callable[[str], T]) -> Rule[T]:
    """A string that ``rule`` accepts; its ValueError becomes the text's."""

    def read(text: Text, node: Node) -> T:
        value = expect(text, node, str)
        try:
            return rule(value)
        except ValueError as error:
            raise text.wrong(node.at, str(error)) from None

    return read


def choice(*words: str) -> Rule[str]:
    """One of these words."""

    def rule(value: str) -> str:
        if value not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return value

    return string(rule)


def integer(low: int, high: int) -> Rule[int]:
    """A whole number within these bounds."""

    def read(text: Text, node: Node) -> int:
        value = expect(text, node, int)
        if not low <= value <= high:
            raise text.wrong(node.at, f"expected a whole number from {low} to {high}")
        return value

    return read


def boolean(text: Text, node: Node) -> bool:
    return expect(text, node, bool)


def anything(*, most: int) -> Rule[Any]:
    """An object, whatever is in it, of at most that many characters."""

    def read(text: Text, node: Node) -> Any:
        expect(text, node, dict)
        found = plain(node)
        written = json.dumps(found, ensure_ascii=False)
        if len(written) > most:
            raise text.wrong(
                node.at, f"expected at most {most} characters in this object, not {len(written)}"
            )
        if holds_nul(written):
            raise text.wrong(node.at, "expected no character NUL in this object: it ends every name and path")
        return found

    return read


def many(rule: Rule[T], *, most: int | None = None) -> Rule[tuple[T, ...]]:
    """A list of what ``rule`` reads. ``most``: of how many; None where the text is ours."""

    def read(text: Text, node: Node) -> tuple[T, ...]:
        items = expect(text, node, list)
        if most is not None and len(items) > most:
            raise text.wrong(node.at, f"expected at most {most} in this list, not {len(items)}")
        return tuple(rule(text, item) for item in items)

    return read


def fields(
    text: Text,
    node: Node,
    keys: Mapping[str, tuple[str, Rule[Any]]],
    *,
    open_ended: bool = False,
    meant: Mapping[str, str] | None = None,
    required: tuple[str, ...] = (),
) -> Fields:
    """Read an object by its table: key to field name and rule.

    ``meant`` is what people write for a key that is called otherwise. An ``open_ended`` object may have other
    keys, which are none of our business. Elsewhere only keys with a period are: the specification leaves them
    to others (sections 4.1.2.1 and 5.3).
    """
    found = Fields()
    for key, member in expect(text, node, dict).items():
        known = key if key in keys else _in_any_case(key, keys)
        if known is None:
            if open_ended or "." in key:
                continue
            raise text.wrong(member.at, _unknown(key, keys, meant or {}))
        if member.node.value is None:
            continue
        name, rule = keys[known]
        if name in found.values:
            raise text.wrong(member.at, f"the key {json.dumps(known)} is given twice")
        found.values[name] = rule(text, member.node)
        found.places[name] = member.at
    for key in required:
        if keys[key][0] not in found.values:
            raise text.wrong(node.at, f"expected the key {json.dumps(key)} in this object")
    return found


def _in_any_case(key: str, keys: Mapping[str, object]) -> str | None:
    return next((known for known in keys if known.lower() == key.lower()), None)


def _unknown(key: str, keys: Mapping[str, object], meant: Mapping[str, str]) -> str:
    plain_key = key.lower().replace("-", "").replace("_", "")
    guess = meant.get(plain_key) or nearest(key, keys)
    ending = f'did you mean "{guess}"?' if guess else "the keys are " + ", ".join(keys)
    return f"unknown key {json.dumps(key)}: {ending}"
