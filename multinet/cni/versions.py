"""Versions of the specification: which there are, how they compare, which one a configuration means.

CNI 1.1, "Version considerations" and "Configuration format". An absent or empty version is 0.1.0 everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from multinet.cni import jsonkeys
from multinet.cni.jsonkeys import quoted
from multinet.errors import DecodingFailure, IncompatibleVersion

SUPPORTED: Final = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
CURRENT: Final = "1.1.0"
FIRST: Final = "0.1.0"
"""What a configuration without ``cniVersion`` means."""

_PARTS = ("major", "minor", "micro")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


@lru_cache(maxsize=64)
def parse(text: str) -> tuple[int, int, int]:
    """One to three numbers joined by dots; missing ones are 0. Raises DecodingFailure."""
    if not text:
        return parse(FIRST)
    parts = text.split(".")
    if len(parts) > len(_PARTS):
        raise DecodingFailure(f"invalid version {quoted(text)}: too many parts")
    numbers = [0, 0, 0]
    for place, part in enumerate(parts):
        if not _NUMBER.fullmatch(part):
            raise DecodingFailure(
                f"failed to convert {_PARTS[place]} version part {quoted(part)}: expected a whole number",
                hint=f"a version reads like {CURRENT}",
            )
        numbers[place] = int(part)
    return numbers[0], numbers[1], numbers[2]


def at_least(version: str, minimum: str) -> bool:
    """Raises DecodingFailure for a version that is not one."""
    return parse(version) >= parse(minimum)


def choose(cni_version: str, cni_versions: Sequence[str] | None) -> str:
    """The version of a list that names several: the highest that we know too.

    Without ``cniVersions``, or when all are too new, it is ``cniVersion`` as it stands (which may then be
    refused by the plugins).
    """
    if cni_versions is None:
        return cni_version or FIRST
    known = []
    for index, version in enumerate(cni_versions):
        try:
            if parse(version) <= parse(CURRENT):
                known.append(version)
        except DecodingFailure as error:
            words = f"invalid cniVersions entry {version} at index {index}: "
            raise jsonkeys.reworded(error, words, DecodingFailure) from None
    if cni_version:
        try:
            if parse(cni_version) <= parse(CURRENT):
                known.append(cni_version)
        except DecodingFailure as error:
            words = f"invalid cniVersion {cni_version}: "
            raise jsonkeys.reworded(error, words, DecodingFailure) from None
    return max(known, key=parse, default=cni_version or FIRST)


def reconcile(version: str, supported: Sequence[str]) -> None:
    """A configuration's version must be one of the plugin's, letter by letter. Raises IncompatibleVersion."""
    if version not in supported:
        listed = " ".join(map(quoted, supported))
        raise IncompatibleVersion(
            "incompatible CNI versions", details=f"config is {quoted(version)}, plugin supports [{listed}]"
        )


def version_answer(supported: Sequence[str]) -> bytes:
    """What VERSION prints."""
    listed = ",".join(map(quoted, supported))
    return f'{{"cniVersion":"{CURRENT}","supportedVersions":[{listed}]}}\n'.encode()
