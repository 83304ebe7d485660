"""CNI_ARGS: ``K=V;K=V`` (CNI 1.1, "Parameters"; the rules are the reference's ``types.LoadArgs``).

Only plugins that have keys of their own look into it, and only they complain: a runtime hands the same text
to all. So reading never fails, and ``known`` is where a plugin says which keys it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from multinet.cni.jsonkeys import quoted
from multinet.errors import InvalidConfig, nearest

_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false"})
_IGNORE = "IgnoreUnknown"

KEPT = 64
"""How many readings are kept: each of a pod's networks and their plugins gets the same text, and reads it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Args:
    """``lenient`` is set where there is nothing to refuse any more (DEL, GC, STATUS): a text that ADD did not
    like must not keep anybody from clearing up."""

    text: str = ""
    lenient: bool = False
    pairs: Mapping[str, str] = field(default_factory=dict)
    """The well-formed pairs; of two with one key the later."""

    @classmethod
    def parse(cls, text: str, *, lenient: bool = False) -> Self:
        return cls(text=text, lenient=lenient, pairs=_pairs(text))

    def get(self, key: str, default: str = "") -> str:
        return self.pairs.get(key, default)

    def known(self, *keys: str) -> Mapping[str, str]:
        """The pairs with these keys, matched letter by letter.

        Raises InvalidConfig for a pair that is none, and for other keys unless ``IgnoreUnknown=1`` is there.
        """
        if not self.lenient and self.text and not _lets_all_pass(self.text):
            self._check(keys)
        return {key: self.pairs[key] for key in keys if key in self.pairs}

    def wrong(self, key: str, why: str) -> InvalidConfig:
        """The error to raise for the value of a known key."""
        pair = f"{key}={self.pairs[key]}"
        return InvalidConfig(f"ARGS: error parsing value of pair {quoted(pair)}: {why}")

    def _check(self, keys: tuple[str, ...]) -> None:
        unknown = []
        ignore = False
        for pair in self.text.split(";"):
            parts = pair.split("=")
            if len(parts) != 2:
                raise InvalidConfig(
                    f"ARGS: invalid pair {quoted(pair)}", hint="CNI_ARGS reads KEY=VALUE;KEY=VALUE"
                )
            key, value = parts
            if key == _IGNORE:
                ignore = self._ignore(value)
            elif key not in keys:
                unknown.append(pair)
        if unknown and not ignore:
            meant = nearest(unknown[0].partition("=")[0], keys)
            raise InvalidConfig(
                f"ARGS: unknown args [{' '.join(map(quoted, unknown))}]",
                hint=f"did you mean {meant}?" if meant else f"{_IGNORE}=1 lets other keys pass",
            )

    def _ignore(self, value: str) -> bool:
        lower = value.lower()
        if lower in _TRUE:
            return True
        if lower in _FALSE:
            return False
        raise self.wrong(_IGNORE, f"boolean unmarshal error: invalid input {lower}")


@lru_cache(maxsize=KEPT)
def _pairs(text: str) -> Mapping[str, str]:
    pairs = {}
    for pair in text.split(";"):
        key, equals, value = pair.partition("=")
        if equals and "=" not in value:
            pairs[key] = value
    return pairs


@lru_cache(maxsize=KEPT)
def _lets_all_pass(text: str) -> bool:
    """Is every pair one, and says every ``IgnoreUnknown`` yes? Then there is nothing to refuse, whoever asks."""
    pairs = [pair.split("=") for pair in text.split(";")]
    if any(len(pair) != 2 for pair in pairs):
        return False
    ignored = [value.lower() in _TRUE for key, value in pairs if key == _IGNORE]
    return bool(ignored) and all(ignored)
