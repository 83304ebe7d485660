"""The tables of the documents that are made of the code: ``make docs`` writes them, a test holds them equal.

Each stands between two comments, ``<!-- NAME: made by make docs -->`` and ``<!-- end of NAME -->``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from multinet.config import RELOADABLE, SCHEMA, multus

ROOT = Path(__file__).parents[2]
NOT_SETTINGS = frozenset({"type", "capabilities", "runtimeConfig", "ipam", "dns", "args", "agent"})
"""Of a plugin's entry: they are the runtime's, or every network brings its own. ``agent`` is a table of its own."""

HEAD = "| key | default | meaning | may be | counts |\n|---|---|---|---|---|\n"


def settings() -> str:
    """What the agent and a run without one both read."""
    keys = SCHEMA.document["properties"]
    return HEAD + "".join(_row(key, one, "") for key, one in keys.items() if key not in NOT_SETTINGS)


def agent() -> str:
    """What stands under ``agent``."""
    keys = SCHEMA.document["properties"]["agent"]["properties"]
    return HEAD + "".join(_row(key, one, "agent.") for key, one in keys.items())


def of_multus() -> str:
    """Multus's keys that have another name or meaning here, or none."""
    renamed = {key: f"`{'.'.join(path)}`" for key, path in multus.RENAMED.items()}
    told = {key: f"no effect: {why}" for key, why in multus.WITHOUT_EFFECT.items()}
    special = {key: make.__doc__ for key, make in multus.SPECIAL.items()}
    rows = (f"| `{key}` | {words} |\n" for key, words in sorted({**renamed, **told, **special}.items()))
    return "| Multus's key | here |\n|---|---|\n" + "".join(rows)


TABLES: Mapping[tuple[str, str], Callable[[], str]] = {
    ("multinet/config/README.md", "settings"): settings,
    ("multinet/config/README.md", "agent"): agent,
    ("multinet/config/README.md", "multus"): of_multus,
}
"""(document, the table's name) -> what makes it."""


def renewed(document: str, text: str) -> str:
    """The document with its tables as the code has them."""
    for (file, name), make in TABLES.items():
        if file == document:
            begin, end = f"<!-- {name}: made by make docs -->\n", f"<!-- end of {name} -->"
            assert text.count(begin) == text.count(end) == 1, f"{document} has no place for the table {name}"
            before, _, rest = text.partition(begin)
            text = before + begin + make() + end + rest.partition(end)[2]
    return text


def _row(key: str, one: Mapping[str, Any], path: str) -> str:
    meaning, _, default = one["description"].partition(". Default")
    counts = "at once" if path + key in RELOADABLE else "after a restart"
    return f"| `{key}` | {_default(one, default.lstrip(': '))} | {meaning} | {_may_be(one)} | {counts} |\n"


def _default(one: Mapping[str, Any], words: str) -> str:
    """The value with its unit, and after it what the description says of it."""
    if "default" not in one:
        return words
    value = one["default"] if isinstance(one["default"], str) else json.dumps(one["default"])
    assert words.startswith(value), f"the description tells another default than {value}: {words}"
    unit = f" {one['x-unit']}" if "x-unit" in one else ""
    return f"`{value}`{unit}{words.removeprefix(value)}"


def _may_be(one: Mapping[str, Any]) -> str:
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"] if value)
    if "minimum" in one:
        return f"{one['minimum']} to {one['maximum']}"
    match one["type"]:
        case "array":
            inner = one["items"]
            return f"a list of {_may_be(inner)}" if "enum" in inner else f"a list of {inner['type']}s"
        case "boolean":
            return "`true`, `false`"
        case kind:
            return str(kind)


def main() -> None:
    for document in {file for file, _ in TABLES}:
        path = ROOT / document
        path.write_text(renewed(document, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
