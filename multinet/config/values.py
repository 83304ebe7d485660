"""What the settings' parts share: members that a JSON Schema can't tell right from wrong, and where errors are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from multinet.errors import InvalidConfig, MultinetError


def absolute(raw: Mapping[str, Any], key: str, default: str) -> Path:
    """A path from the root: an agent and a plugin are started in folders that nobody chose."""
    path = Path(raw.get(key) or default)
    if not path.is_absolute():
        raise wrong(key, f"{str(path)!r} is not an absolute path")
    return path


def absolute_or_none(raw: Mapping[str, Any], key: str) -> Path | None:
    return absolute(raw, key, "") if raw.get(key) else None


def all_absolute(raw: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(raw.get(key, default))
    for index, one in enumerate(found):
        if not Path(one).is_absolute():
            raise wrong(f"{key}[{index}]", f"{one!r} is not an absolute path")
    return found


def file_name(raw: Mapping[str, Any], key: str, default: str, suffixes: tuple[str, ...]) -> str:
    """The name of a file in a folder that is known already; ``default`` may be ""."""
    name = str(raw.get(key) or default)
    if name and ("/" in name or name.startswith(".") or not name.endswith(suffixes)):
        hint = "give the name alone, without its folder"
        raise wrong(key, f"{name!r} is not the name of a {' or '.join(suffixes)} file", hint)
    return name


def wrong(key: str, words: str, hint: str = "") -> InvalidConfig:
    """With the key as the place, as the schema's own errors have it."""
    error = InvalidConfig(words, hint=hint)
    error.place.append(f".{key}")
    return error


@contextmanager
def in_file(path: Path) -> Iterator[None]:
    """Put the file's name in front of the path of any error of ours: ``/etc/multinet.yaml: agent.workers``."""
    try:
        yield
    except MultinetError as error:
        error.place[:1] = [step.removeprefix(".") for step in error.place[:1]]
        error.place.insert(0, str(path))
        raise
