"""A room's ``schema.json``: keys brought to their written case, then checked, with the path of the fault.

The reference decodes JSON keys in any case and ignores the ones it does not know (its own tests rely on
``"bandWidth"``), so a key is first folded to the schema's spelling, and ``null`` leaves the default. A
schema that says ``additionalProperties: false`` is about our own files; the reference's formats never do.

A validator costs 0.9 ms a run, so verdicts are kept by the text of what was checked: configurations are few
and requests are many.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

from multinet.errors import InvalidConfig, MultinetError, nearest

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

REMEMBERED = 512
"""How many readings a schema keeps. A node sees tens of configurations; the oldest is forgotten first."""

LONGEST_REMEMBERED = 8192
"""Bytes of a text whose reading is kept: what a pod's owner says is in some of them, and the agent's memory is not
theirs."""

KEY_FORMAT = 2
"""How ``marshal`` writes what is remembered: the newest format without references, so that what is equal and
in the same order is written alike. It is five times as fast as JSON, and every plugin of every ADD is
looked up."""

PER_REQUEST = frozenset(
    {"prevResult", "cniVersion", "name", "cni.dev/valid-attachments", "cni.dev/attachments"}
)
"""Members that change with each request and that ``multinet.cni`` has already read."""

TYPE_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


class Schema:
    """The schema of one package, read when first needed."""

    def __init__(self, package: str, name: str = "schema.json") -> None:
        self._package = package
        self._name = name
        self._read: dict[bytes, dict[str, Any]] = {}

    @classmethod
    def of(cls, package: str | None) -> Self:
        assert package, "a schema belongs to a package"
        return cls(package)

    @cached_property
    def document(self) -> dict[str, Any]:
        text = files(self._package).joinpath(self._name).read_text(encoding="utf-8")
        document: dict[str, Any] = json.loads(text)
        return document

    @cached_property
    def _validator(self) -> Draft202012Validator:
        from jsonschema import Draft202012Validator, validators  # 100 ms to import: paid at the first check

        # To JSON Schema 1400.0 is a whole number; to Go it is none, and so it is to whoever counts or compares. And
        # NaN, which Python and YAML read as a number, is neither less than the least nor more than the most.
        types = Draft202012Validator.TYPE_CHECKER.redefine_many(
            {"integer": _is_integer, "number": _is_number}
        )
        strict = validators.extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]
        made: Draft202012Validator = strict(self.document)
        return made

    def read(self, conf: Mapping[str, Any]) -> dict[str, Any]:
        """The folded and checked configuration; not to be changed by the caller. Raises InvalidConfig."""
        mine = {key: value for key, value in conf.items() if key not in PER_REQUEST}
        try:
            key = marshal.dumps(mine, KEY_FORMAT)
        except ValueError as error:
            raise InvalidConfig(f"the configuration can't be read: {error}") from error
        if (known := self._read.get(key)) is not None:
            return known
        folded: dict[str, Any] = self._fold(mine, self.document)
        self.check(folded)
        if len(key) <= LONGEST_REMEMBERED:
            while len(self._read) >= REMEMBERED:
                self._read.pop(next(iter(self._read)), None)
            self._read[key] = folded
        return folded

    def check(self, conf: Mapping[str, Any]) -> None:
        """Raise InvalidConfig for the fault that lies deepest: it is the one the author can act upon."""
        from jsonschema.exceptions import best_match

        fault = best_match(self._validator.iter_errors(conf))
        if fault is not None:
            raise explain(fault)

    def _fold(self, value: Any, schema: Mapping[str, Any]) -> Any:
        schema = self._resolve(schema)
        if isinstance(value, dict):
            properties: Mapping[str, Any] = schema.get("properties", {})
            spelling = {known.lower(): known for known in properties}
            folded: dict[str, Any] = {}
            for key, member in value.items():
                name = str(key if key in properties else spelling.get(key.lower(), key))
                if name in properties:
                    if name != key and name in value:
                        continue  # the exact spelling is there as well, and is preferred
                    if member is None:
                        continue
                    folded[name] = self._fold(member, properties[name])
                else:
                    folded[key] = member
            return folded
        if isinstance(value, list) and "items" in schema:
            return [self._fold(item, schema["items"]) for item in value]
        return value

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            target: Any = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema


def _is_integer(checker: object, value: object) -> bool:
    return type(value) is int


def _is_number(checker: object, value: object) -> bool:
    return type(value) is int or (type(value) is float and isfinite(value))


def explain(fault: ValidationError) -> MultinetError:
    """A sentence for one fault of jsonschema, with the path to it."""
    error = InvalidConfig(sentence(fault), hint=_hint(fault))
    if path := json_path(fault.absolute_path):
        error.place.append(path)
    return error


def json_path(steps: Sequence[str | int]) -> str:
    """``["ipam", "ranges", 0]`` -> ``.ipam.ranges[0]``"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def sentence(fault: ValidationError) -> str:
    value: Any = fault.instance
    wanted: Any = fault.validator_value
    match fault.validator:
        case "type":
            kinds = wanted if isinstance(wanted, list) else [wanted]
            return f"expected {' or '.join(TYPE_WORDS[kind] for kind in kinds)}, got {_got(value)}"
        case "required":
            return f"the key {_missing(fault)!r} is missing"
        case "enum":
            return f"{_short(value)} is not one of {', '.join(map(str, wanted))}"
        case "const":
            return f"expected {_short(wanted)}, got {_short(value)}"
        case "minimum":
            return f"{value} is less than {wanted}, the least allowed"
        case "maximum":
            return f"{value} is more than {wanted}, the most allowed"
        case "minItems":
            return f"the list has {len(value)} entries, at least {wanted} are needed"
        case "maxItems":
            return f"the list has {len(value)} entries, at most {wanted} are allowed"
        case "minLength":
            return "the text is empty"
        case "maxLength":
            return f"the text is longer than {wanted} characters"
        case "additionalProperties":
            return f"the key {_unknown(fault)!r} is not known here"
        case _:
            return fault.message


def _hint(fault: ValidationError) -> str:
    if fault.validator == "additionalProperties":
        known = fault.schema.get("properties", {}) if isinstance(fault.schema, Mapping) else {}
        if meant := nearest(_unknown(fault), known):
            return f"did you mean {meant!r}?"
        return f"known are {', '.join(sorted(known))}"
    if fault.validator == "enum":
        values: Any = fault.validator_value
        words = [word for word in values if isinstance(word, str)]
        if meant := nearest(str(fault.instance), words):
            return f"did you mean {meant!r}?"
    about: Any = fault.schema
    if fault.validator == "required":
        about = about["properties"].get(_missing(fault))
    described = about.get("description", "") if isinstance(about, Mapping) else ""
    return str(described).split(". ")[0].rstrip(".")


def _missing(fault: ValidationError) -> str:
    wanted: Any = fault.validator_value
    given: Any = fault.instance
    return str(next(name for name in wanted if name not in given))


def _unknown(fault: ValidationError) -> str:
    known = fault.schema.get("properties", {}) if isinstance(fault.schema, Mapping) else {}
    given: Any = fault.instance
    return str(next(key for key in given if key not in known))


def _got(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {_short(value)}"
        case int() | float():
            return f"the number {value}"
        case None:
            return "null"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def _short(value: object, limit: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"{value!r}"
    return text if len(text) <= limit else text[: limit - 1] + "…"
