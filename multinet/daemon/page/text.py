"""Numbers and sentences as a person reads them."""

from __future__ import annotations

import time
from typing import Final

_STEPS: Final = ((60.0, "s", 1.0), (3600.0, "min", 60.0), (86400.0, "h", 3600.0))
_UNCERTAIN: Final = 0.1
MANY: Final = 10**7
"""A range with more addresses is told by its order of magnitude."""


def age(seconds: float) -> str:
    """``12 s``, ``4 min``, ``3 h``, ``5 d``; a clock that was set back makes nothing younger than now."""
    for below, unit, one in _STEPS:
        if seconds < below:
            return f"{max(0, int(seconds / one))} {unit}"
    return f"{int(seconds / 86400)} d"


def moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def duration(seconds: float) -> str:
    """Two digits of it, which is more than a histogram knows."""
    if seconds < 1:
        return f"{seconds * 1000:.2g} ms" if seconds < _UNCERTAIN else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s"


def many(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f") if number < MANY else f"{number:.1e}"


def split(sentence: str) -> tuple[str, str]:
    """What is wrong, and what to do next, which stands in brackets at the end of our sentences."""
    if not sentence.endswith(")"):
        return sentence, ""
    depth = 0
    for at in range(len(sentence) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(sentence[at], 0)
        if depth == 0:
            return sentence[:at].rstrip(), sentence[at + 1 : -1]
    return sentence, ""
