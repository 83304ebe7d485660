"""Members of the settings that a JSON Schema can't tell right from wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multinet.errors import InvalidConfig


def absolute(raw: Mapping[str, Any], key: str, default: str) -> Path:
    """A path from the root: an agent and a plugin are started in folders that nobody chose."""
    path = Path(raw.get(key) or default)
    if not path.is_absolute():
        raise InvalidConfig(f"{key}: {str(path)!r} is not an absolute path")
    return path


def absolute_or_none(raw: Mapping[str, Any], key: str) -> Path | None:
    return absolute(raw, key, "") if raw.get(key) else None


def file_name(raw: Mapping[str, Any], key: str, default: str, suffixes: tuple[str, ...]) -> str:
    """The name of a file in a folder that is known already; ``default`` may be ""."""
    name = str(raw.get(key) or default)
    if name and ("/" in name or name.startswith(".") or not name.endswith(suffixes)):
        raise InvalidConfig(
            f"{key}: {name!r} is not the name of a {' or '.join(suffixes)} file",
            hint="give the name alone, without its folder",
        )
    return name
