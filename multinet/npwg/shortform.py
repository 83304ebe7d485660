"""The selection annotation, short form (multi-net-spec 1.3, section 4.1.1).

    selections = selection *( "," selection )
    selection  = [ namespace "/" ] name [ "@" ifname ]

``@ifname`` is not in that text: Multus added it, and pods in the field use it. White space is allowed around
every part. A name with dots is left to the JSON form, because other readers of this form refuse it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from multinet.npwg import values
from multinet.npwg.caret import Text

_NOT_IN_LABEL = re.compile(r"[^-a-z0-9]")
_PART = re.compile(r"\s*+([^,/@]*)")
_IFNAME = re.compile(r"\s*+([^,@]*)")

_NAMESPACE = "a namespace"
_NETWORK = "a network name"


class Item(NamedTuple):
    """What one selection said; "" where it said nothing."""

    at: int
    namespace: str
    name: str
    ifname: str


class _Word(NamedTuple):
    """A part without the white space around it, and where the sign after it is."""

    at: int
    text: str
    after: int


def selections(text: Text) -> list[Item]:
    """selections = selection *( "," selection )"""
    items: list[Item] = []
    at = 0
    while True:
        item, at = _selection(text, at)
        items.append(item)
        if at == len(text.text):
            return items
        at += 1


def _selection(text: Text, at: int) -> tuple[Item, int]:
    """selection = [ namespace "/" ] name [ "@" ifname ]"""
    first = name = _word(text, at, _PART)
    namespace = ""
    if _sign(text, first) == "/":
        namespace = _namespace(text, first)
        name = _word(text, first.after + 1, _PART)
    _name(text, name)
    if _sign(text, name) == "/":
        raise text.wrong(name.after, "expected at most one '/' in a selection: namespace/name")
    if _sign(text, name) != "@":
        return Item(first.at, namespace, name.text, ""), name.after
    interface = _word(text, name.after + 1, _IFNAME)
    if _sign(text, interface) == "@":
        raise text.wrong(interface.after, "expected at most one '@' in a selection: name@interface")
    return Item(first.at, namespace, name.text, _ifname(text, interface)), interface.after


def _namespace(text: Text, word: _Word) -> str:
    """namespace = label"""
    _label(text, word, _NAMESPACE)
    if len(word.text) > values.MAX_LABEL:
        raise text.wrong(word.at, f"expected {_NAMESPACE} of at most {values.MAX_LABEL} characters")
    return word.text


def _name(text: Text, word: _Word) -> str:
    """name = label"""
    _label(text, word, _NETWORK)
    if len(word.text) > values.MAX_SUBDOMAIN:
        raise text.wrong(word.at, f"expected {_NETWORK} of at most {values.MAX_SUBDOMAIN} characters")
    return word.text


def _label(text: Text, word: _Word, what: str) -> None:
    """label = ( letter / digit ) [ *( letter / digit / "-" ) ( letter / digit ) ]"""
    if not word.text:
        raise text.wrong(word.at, f"expected {what}, found nothing")
    either_end = f"expected {what} with a letter or digit at either end"
    if word.text[0] == "-":
        raise text.wrong(word.at, either_end)
    stray = _NOT_IN_LABEL.search(word.text)
    if stray and stray[0].isspace():
        raise text.wrong(word.at + stray.start(), "expected a ',' between two networks")
    if stray:
        advice = " (a name with dots needs the JSON form)" if stray[0] == "." and what == _NETWORK else ""
        raise text.wrong(
            word.at + stray.start(), f"expected {what}: lower-case letters, digits and '-'{advice}"
        )
    if word.text[-1] == "-":
        raise text.wrong(word.at + len(word.text) - 1, either_end)


def _ifname(text: Text, word: _Word) -> str:
    """ifname = whatever Linux and CNI take for the name of an interface"""
    if not word.text:
        raise text.wrong(word.at, "expected an interface name, found nothing")
    try:
        return values.ifname(word.text)
    except ValueError as error:
        raise text.wrong(word.at, str(error)) from None


def _word(text: Text, at: int, pattern: re.Pattern[str]) -> _Word:
    matched = pattern.match(text.text, at)
    assert matched, "both patterns match the empty string"
    return _Word(matched.start(1), matched[1].rstrip(), matched.end())


def _sign(text: Text, word: _Word) -> str:
    return text.text[word.after : word.after + 1]
