"""NetworkAttachmentDefinitions, the node's CNI configurations, and the configuration of every plugin of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf, NetConfList
from multinet.daemon.world import Nobody
from multinet.delegate.invoke import prepare
from multinet.delegate.registry import Registry, installed, schema
from multinet.npwg import confdir, nad
from multinet.npwg.annotations import RESOURCE_NAME
from multinet.pipeline import chain
from multinet.plan import Attachment
from multinet.schema import Schema
from tests.fuzz import damage
from tests.fuzz.surface import Surface, pure

ROOT = Path(__file__).parents[3]
FIND = Registry(path=(), environ={}, runner=Nobody()).find
BASE = {"cniVersion": "1.1.0", "name": "net"}


@cache
def examples() -> Mapping[str, list[dict[str, Any]]]:
    """By CNI type: configurations of the rooms' examples, and of the rows that say what is wrong with one."""
    found: dict[str, list[dict[str, Any]]] = {type_: [] for type_ in installed()}
    for file in sorted(ROOT.glob("delegates/*/*/example.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            conf = json.loads(document["spec"]["config"])
            for plugin in conf.get("plugins", [conf]):
                found.setdefault(plugin["type"], []).append({**BASE, **plugin})
                if ipam := plugin.get("ipam", {}).get("type"):
                    found.setdefault(ipam, []).append({**BASE, **plugin})
    for file in sorted(ROOT.glob("tests/bad_input/plugins/*.yaml")):
        for row in yaml.safe_load(file.read_text()):
            if row.get("type") in found and isinstance(row.get("conf"), dict):
                found[row["type"]].append({**BASE, "type": row["type"], **row["conf"]})
    for type_, confs in found.items():
        confs.append({**BASE, "type": type_})
    return found


def from_schema(dice: Random, rule: Mapping[str, Any], whole: Mapping[str, Any], depth: int = 0) -> Any:
    """A value as a room's schema.json has it, or nearly: some of the keys, numbers at the ends of their ranges."""
    while "$ref" in rule:
        target: Any = whole
        for step in rule["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        rule = target
    if choices := rule.get("enum"):
        return dice.choice(choices)
    for several in ("anyOf", "oneOf"):
        if several in rule:
            return from_schema(dice, dice.choice(rule[several]), whole, depth + 1)
    kind = rule.get("type", "string")
    match dice.choice(kind) if isinstance(kind, list) else kind:
        case "object" if depth < 6:
            members = rule.get("properties", {})
            chosen = [key for key in members if key in rule.get("required", ()) or dice.random() < 0.3]
            return {key: from_schema(dice, members[key], whole, depth + 1) for key in chosen}
        case "array" if depth < 6:
            count = dice.choice((0, 1, 1, 2, 3))
            return [from_schema(dice, rule.get("items", {}), whole, depth + 1) for _ in range(count)]
        case "integer" | "number":
            least, most = rule.get("minimum", 0), rule.get("maximum", 2**31)
            return dice.choice((least, most, least + 1, dice.randint(int(least), int(most)), float(least)))
        case "boolean":
            return dice.random() < 0.5
    return dice.choice(
        ("10.1.2.0/24", "10.1.2.3", "fd00::/64", "eth0", "02:00:00:00:00:01", "name", *damage.WORDS)
    )


def a_conf(dice: Random, type_: str) -> dict[str, Any]:
    document = schema(type_)
    if document is None or dice.random() < 0.5:
        return dice.choice(examples()[type_])
    made = from_schema(dice, document, document)
    return {**BASE, **made, "type": type_} if isinstance(made, dict) else dict(BASE)


def _plugin(type_: str) -> Surface:
    def make(dice: Random) -> bytes:
        conf = a_conf(dice, type_)
        # As it is: what is valid and odd must be taken, or refused in our words, without any damage, too.
        return json.dumps(conf).encode() if dice.random() < 0.2 else damage.json_bytes(dice, conf)

    return Surface(
        name=f"configuration of {type_}", of="configuration", make=make, open=pure(_read_plugin), short=60
    )


def _read_plugin(stdin: bytes) -> None:
    """Parsed as from a runtime's stdin; what it hands on to a program says the same."""
    conf = NetConf.parse(stdin)
    if not conf.type:
        return
    again = NetConf.parse(conf.encode())
    assert (again.name, again.type, dict(again.raw)) == (conf.name, conf.type, dict(conf.raw))
    prepare(FIND, conf, Args.parse("K8S_POD_NAME=a;IgnoreUnknown=1"))
    for number in whole_numbers(conf):
        assert isinstance(number, int), f"a whole number is {number!r}"


def whole_numbers(conf: NetConf) -> list[Any]:
    """What the room's schema calls whole numbers, as the room reads them."""
    entry = installed().get(conf.type)
    if entry is None or schema(conf.type) is None:
        return []
    rules = Schema(entry.module)
    read = rules.read(conf.raw)
    numbers = [key for key, rule in rules.document["properties"].items() if rule.get("type") == "integer"]
    return [read[key] for key in numbers if key in read]


def _definition(dice: Random) -> Any:
    type_ = dice.choice(sorted(examples()))
    config = a_conf(dice, type_)
    if dice.random() < 0.5:
        config = {**BASE, "plugins": [config, a_conf(dice, dice.choice(sorted(examples())))]}
    document = {
        "apiVersion": nad.API_VERSION,
        "kind": nad.KIND,
        "metadata": {"namespace": "shop", "name": "net-a", "annotations": {RESOURCE_NAME: "intel.com/nic"}},
        "spec": {"config": damage.json_text(dice, config) if dice.random() < 0.8 else json.dumps(config)},
    }
    return document if dice.random() < 0.6 else damage.anything(dice, document)


def _read_definition(document: Any) -> None:
    """As the agent has it from the API server: read, kept, and its plugins' configurations read by them."""
    if not isinstance(document, dict):
        return  # the client hands out objects only
    read_list(nad.netconf_list(nad.parse(document), {}))


def read_list(found: NetConfList) -> None:
    assert NetConfList.of(found.to_dict()) == found
    plain = Attachment(network="shop/net-a", ifname="net1", conflist=found)
    chain.read(plain, FIND)
    chain.read(replace(plain, cni_args={"a": {}}), FIND, lenient=True)


def _folder(dice: Random) -> Mapping[str, bytes]:
    """A node's folder: a list, a single plugin, and a list that is continued by files in a folder of its name."""
    types = sorted(examples())
    plugins = [a_conf(dice, dice.choice(types)) for _ in range(2)]
    return {
        "10-a.conflist": damage.json_bytes(dice, {**BASE, "name": "a", "plugins": plugins}),
        "20-net.conf": damage.json_bytes(dice, {**plugins[0], "name": "net"}),
        "30-net.conflist": damage.json_bytes(dice, {**BASE, "plugins": plugins[:1]}),
        "net/10-more.conf": damage.json_bytes(dice, plugins[1]),
        "40-x.json": dice.randbytes(8),
    }


def _read_folder(files: Mapping[str, bytes]) -> None:
    read_list(confdir.find("net", files))


SURFACES = (
    Surface(name="NetworkAttachmentDefinition", of="NAD", make=_definition, open=pure(_read_definition)),
    Surface(name="folder of CNI configurations", of="configuration", make=_folder, open=pure(_read_folder)),
    *map(_plugin, sorted(installed())),
)
