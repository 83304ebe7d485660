"""How a room's configuration is checked: the path to a fault, and keys in any case."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

DOCUMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "master": {"type": "string", "minLength": 1, "description": "The link. It is on the host"},
        "mtu": {"type": "integer", "minimum": 0, "maximum": 9000},
        "mode": {"enum": ["bridge", "private"]},
        "ipam": {"$ref": "#/$defs/ipam"},
    },
    "$defs": {
        "ipam": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"type": "string"},
                "rangeSets": {
                    "type": "array",
                    "maxItems": 2,
                    "items": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"subNet": {"type": "string"}}},
                    },
                },
            },
        },
        "x": {},
    },
}  # fmt: skip


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schema:
    package = tmp_path / "a_room"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "schema.json").write_text(json.dumps(DOCUMENT))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_room", raising=False)
    return Schema.of("a_room")


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"mtu": "1400"}, "mtu: expected a whole number, got the text '1400'"),
        ({"mtu": True}, "mtu: expected a whole number, got true"),
        ({"mtu": -1}, "mtu: -1 is less than 0, the least allowed"),
        ({"mtu": 9001}, "mtu: 9001 is more than 9000, the most allowed"),
        ({"master": ""}, "master: the text is empty"),
        ({"mode": "privat"}, "mode: 'privat' is not one of bridge, private"),
        ({"ipam": {}}, "ipam: the key 'type' is missing"),
        ({"ipam": []}, "ipam: expected an object, got a list"),
        (
            {"ipam": {"type": "t", "rangeSets": [[{}, {"subNet": 7}]]}},
            "ipam.rangeSets[0][1].subNet: expected a string, got the number 7",
        ),
        (
            {"ipam": {"type": "t", "rangeSets": [[], [], []]}},
            "ipam.rangeSets: the list has 3 entries, at most 2 are allowed",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(schema: Schema, conf: dict[str, Any], said: str):
    with pytest.raises(InvalidConfig) as caught:
        schema.read(conf)
    assert (caught.value.sentence, caught.value.cni_code) == (said, 7)


def test_the_hint_is_the_nearest_word_or_what_the_key_means(schema: Schema):
    for conf, hint in (({"mode": "privat"}, "did you mean 'private'?"), ({"master": ""}, "The link")):
        with pytest.raises(InvalidConfig) as caught:
            schema.read(conf)
        assert caught.value.hint == hint


def test_keys_are_brought_to_their_written_case_at_every_depth(schema: Schema):
    given = {"MASTER": "eth0", "IpAm": {"TYPE": "t", "rangesets": [[{"subnet": "10.0.0.0/8"}]]}}
    assert schema.read(given) == {
        "master": "eth0",
        "ipam": {"type": "t", "rangeSets": [[{"subNet": "10.0.0.0/8"}]]},
    }


def test_the_exact_spelling_is_preferred_and_null_leaves_the_default(schema: Schema):
    assert schema.read({"Master": "a", "master": "b", "MASTER": "c", "mtu": None}) == {"master": "b"}


def test_unknown_keys_are_kept_as_they_are(schema: Schema):
    assert schema.read({"bandWidth": {"X": 1}}) == {"bandWidth": {"X": 1}}


def test_a_fault_is_told_under_the_written_case(schema: Schema):
    with pytest.raises(InvalidConfig) as caught:
        schema.read({"MTU": "x"})
    assert caught.value.where == "mtu"


def test_what_changes_with_each_request_is_not_read_again(schema: Schema):
    """The verdict is remembered by what a delegate is configured with."""
    first = schema.read({"master": "eth0", "prevResult": {"ips": []}, "name": "a", "cniVersion": "1.0.0"})
    assert schema.read({"master": "eth0", "prevResult": {"ips": [1]}, "name": "b"}) is first
    assert first == {"master": "eth0"}


def test_no_more_is_remembered_than_is_meant_to_be(schema: Schema, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("multinet.schema.REMEMBERED", 3)
    kept = [schema.read({"mtu": number}) for number in range(5)]
    assert schema.read({"mtu": 4}) is kept[4]
    assert schema.read({"mtu": 0}) is not kept[0]


def test_what_is_long_is_read_each_time_and_not_remembered(schema: Schema):
    long = {"x": "y" * 8192}
    assert schema.read(long) == long
    assert len(schema._read) == 0
    schema.read({"x": "y"})
    assert len(schema._read) == 1


def test_a_configuration_without_a_bottom_is_refused(schema: Schema):
    endless: dict[str, Any] = {}
    endless["x"] = endless
    with pytest.raises(InvalidConfig, match=r"^the configuration can't be read: "):
        schema.read(endless)


@pytest.mark.parametrize("number", [1400.0, 0.0, 1e3, True])
def test_a_whole_number_is_written_as_one(schema: Schema, number: object):
    """Go's reader, and whoever counts with it, takes no other; JSON Schema takes 1400.0."""
    with pytest.raises(InvalidConfig, match=r"^mtu: expected a whole number, got "):
        schema.read({"mtu": number})
