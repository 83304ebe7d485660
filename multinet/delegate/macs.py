"""A MAC from the places that may name one, each later one overriding."""

from __future__ import annotations

import re

from multinet.errors import InvalidConfig

_MAC = re.compile(r"(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}\Z")
_DOTTED = re.compile(r"[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\Z")


def mac_of(*places: str | None) -> str:
    """The last MAC that is given, as ``aa:bb:cc:dd:ee:ff``; "" when none is. Raises InvalidConfig."""
    text = next((place for place in reversed(places) if place), "")
    if not text:
        return ""
    if _MAC.match(text):
        digits = text.replace("-", "").replace(":", "")
    elif _DOTTED.match(text):
        digits = text.replace(".", "")
    else:
        raise InvalidConfig(
            f"{text!r} is not a MAC address", hint="six pairs of hexadecimal digits: 02:00:00:00:00:01"
        )
    digits = digits.lower()
    if int(digits[:2], 16) & 1:
        raise InvalidConfig(
            f"{text!r} is a multicast address, no interface can have it",
            hint="the first pair of digits must be even",
        )
    if digits == "0" * 12:
        raise InvalidConfig(
            f"{text!r} is not a MAC address an interface can have", hint="all zero means none"
        )
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))
