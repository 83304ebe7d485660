"""Each delegate's room has everything a room has, and its papers agree with one another.

__init__.py    one docstring line, one re-export
schema.json    a JSON Schema; every key has a description
README.md      SECTIONS in their order; a link to the example; every key of the schema in backquotes
example.yaml   a NetworkAttachmentDefinition that the delegate itself reads
an entry point in pyproject.toml, named by the CNI type: `host-local` for the folder `host_local`
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from multinet.cni.args import Args
from multinet.cni.netconf import NetConfList
from multinet.delegate import registry
from multinet.errors import InvalidConfig
from multinet.schema import Schema
from tests.support import tree

ROOMS = sorted(
    folder
    for kind in ("main", "meta", "ipam")
    for folder in (tree.ROOT / "delegates" / kind).glob("*/")
    if folder.is_dir() and folder.name != "__pycache__"
)
SECTIONS = ["Options", "Example", "What DEL and GC clear", "Different from the reference"]

every_room = pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.parent.name}/{room.name}")


def cni_type(room: Path) -> str:
    return room.name.replace("_", "-")


def schema(room: Path) -> dict[str, Any]:
    return json.loads((room / "schema.json").read_text())


def properties(node: object, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every property of a schema at any depth, `$defs` included, with a path that names it."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "properties":
                for name, one in value.items():
                    yield f"{path}.{name}".lstrip("."), one
                    yield from properties(one, f"{path}.{name}")
            elif isinstance(value, dict | list):
                yield from properties(value, path if key != "$defs" else "")
    elif isinstance(node, list):
        for one in node:
            yield from properties(one, path)


def resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """``node`` with what its `$ref` says; what it says itself wins."""
    if "$ref" not in node:
        return node
    target: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**target, **node}


def test_there_are_rooms():
    assert ROOMS


def test_the_entry_points_are_the_rooms():
    entry_points = tree.pyproject()["project"]["entry-points"]["multinet.delegates"]
    assert {name: value.partition(":")[0] for name, value in entry_points.items()} == {
        cni_type(room): f"delegates.{room.parent.name}.{room.name}" for room in ROOMS
    }


@every_room
def test_its_front_door_is_a_docstring_and_a_re_export(room: Path):
    kinds = [type(part) for part in ast.parse((room / "__init__.py").read_text()).body]
    assert kinds == [ast.Expr, ast.ImportFrom, ast.Assign]


@every_room
def test_its_schema_is_one_and_describes_every_key(room: Path):
    document = schema(room)
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["title"] == cni_type(room)
    nameless = [path for path, one in properties(document) if not resolved(document, one).get("description")]
    assert nameless == []


@every_room
def test_its_whole_numbers_are_written_as_such(room: Path):
    """Where there are none, there is nothing to get wrong."""
    rules = Schema(f"delegates.{room.parent.name}.{room.name}")
    needed = {key: {"type": "static"} for key in rules.document.get("required", ())}
    for name, rule in rules.document["properties"].items():
        if "integer" in (rule.get("type"), *(rule.get("type") or ())):
            with pytest.raises(InvalidConfig, match=f"^{name}: expected a whole number"):
                rules.read({**needed, name: float(rule.get("minimum", 1))})


@every_room
def test_its_readme_has_the_sections_and_leads_to_the_example(room: Path):
    text = (room / "README.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    assert "(example.yaml)" in text


@every_room
def test_its_readme_names_every_key(room: Path):
    text = re.sub(r"^```.*?^```", "", (room / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"[\w.:/-]+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    told |= {part for word in told for part in word.split(".")}
    keys = {path.rpartition(".")[2] for path, _ in properties(schema(room))}
    assert sorted(keys - told - {"type"}) == []


@every_room
def test_its_example_is_read_by_the_delegate(room: Path):
    definitions = list(yaml.safe_load_all((room / "example.yaml").read_text()))
    assert {definition["kind"] for definition in definitions} == {"NetworkAttachmentDefinition"}
    delegate, read = registry.load(cni_type(room)), 0
    for definition in definitions:
        network = NetConfList.parse(definition["spec"]["config"], default_name=definition["metadata"]["name"])
        for index in range(len(network.plugins)):
            conf = network.plugin_request(index)
            if cni_type(room) in (conf.type, conf.ipam_type):
                delegate.parse(conf, Args.parse(""))
                read += 1
    assert read, f"no plugin in it is a {cni_type(room)}"
