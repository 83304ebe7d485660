"""The annotations' own README: every key that is read is told there, and each example does what it is there for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.kube import claims
from multinet.npwg import annotations, selection, status
from tests.cli.conftest import Commands
from tests.cli.conftest import sandbox as sandbox
from tests.conftest import ROOT
from tests.support.explain import explain

README = (ROOT / "multinet" / "npwg" / "README.md").read_text(encoding="utf-8")
EXAMPLES = [list(yaml.safe_load_all(text)) for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]
EXPLAINED = {"on-the-fabric", "with-a-device"}
"""Pods of examples that want hardware."""


NESTED = {*selection.PORT_KEYS, *selection.BANDWIDTH_KEYS}
"""Keys of the objects that are values of others."""


def told(title: str) -> set[str]:
    """The keys in the first column of a section's tables."""
    section = README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`([^`]+)`", " ".join(rows)))


def test_every_key_of_the_annotation_is_told_and_has_an_example() -> None:
    keys = set(selection.KEYS)
    asked = [
        key
        for documents in EXAMPLES
        for one in documents
        for text in [(one["metadata"].get("annotations") or {}).get(annotations.NETWORKS, "")]
        for entry in (json.loads(text) if text.startswith("[") else ())
        for key in entry
    ]

    assert told("The networks of a pod") == keys
    assert set(asked) == keys
    assert [key for key in NESTED if f"`{key}`" not in README] == []


def test_every_annotation_is_told() -> None:
    ours = {value for name, value in vars(annotations).items() if name.isupper()}
    section = README.split("| annotation |", 1)[1].split("\n\n", 1)[0]

    assert set(re.findall(r"^\| \[`([^`]+)`\]", section, re.MULTILINE)) == ours
    assert [key for key in (claims.RESOURCE_NAME, claims.DEVICE_ID) if f"`{key}`" not in README] == []


# --- what the examples do ---

Pod = Mapping[str, Any]
"""What `multinet sandbox show` says."""


def interfaces(shown: Pod) -> dict[str, tuple[str, list[str]]]:
    """Name -> network and addresses, without lo and what the kernel gives itself."""
    return {
        one["name"]: (one["network"], [text for text in one["addresses"] if not text.startswith("fe80:")])
        for one in shown["interfaces"]
        if one["name"] != "lo"
    }


def short(shown: Pod, sandbox: Commands) -> None:
    assert list(interfaces(shown)) == ["eth0", "net1", "second"]


def from_another_namespace(shown: Pod, sandbox: Commands) -> None:
    assert interfaces(shown)["metrics0"] == ("shared/metrics", ["10.92.0.4/24"])


def as_asked_for(shown: Pod, sandbox: Commands) -> None:
    assert interfaces(shown)["lan0"] == ("default/lan", ["10.91.0.77/24"])
    (lan,) = [one for one in shown["interfaces"] if one["name"] == "lan0"]
    assert lan["mac"] == "02:00:0a:5b:00:4d"


def out_by_the_lan(shown: Pod, sandbox: Commands) -> None:
    ways = [(one["interface"], one["gateway"]) for one in shown["routes"] if one["dst"] == "default"]
    assert ways == [("net1", "10.91.0.1")]


def with_arguments(shown: Pod, sandbox: Commands) -> None:
    assert interfaces(shown)["net1"] == ("shared/metrics", ["10.92.0.5/24"])


def published(shown: Pod, sandbox: Commands) -> None:
    rules = sandbox.namespace().run("iptables-save", check=False).stdout
    rules += sandbox.namespace().run("nft", "list", "ruleset", check=False).stdout
    assert "8091" in rules
    limits = sandbox.namespace().run("tc", "qdisc", "show").stdout
    assert "tbf" in limits
    assert "8Mbit" in limits


def with_a_claim(shown: Pod, sandbox: Commands) -> None:
    assert interfaces(shown)["net1"][0] == "default/lan"


def elsewhere(shown: Pod, sandbox: Commands) -> None:
    assert interfaces(shown) == {"eth0": ("kube-system/first", ["10.94.0.2/24"])}


SHOWS: Mapping[str, Callable[[Pod, Commands], None]] = {
    "short": short,
    "from-another-namespace": from_another_namespace,
    "as-asked-for": as_asked_for,
    "out-by-the-lan": out_by_the_lan,
    "with-arguments": with_arguments,
    "published": published,
    "with-a-claim": with_a_claim,
    "elsewhere": elsewhere,
}


def pod_of(documents: list[Any]) -> str:
    names = [one["metadata"]["name"] for one in documents if one["kind"] == "Pod"]
    return str(names[0]) if names else ""


def test_each_example_has_somebody_who_looks_at_it() -> None:
    assert {pod_of(documents) for documents in EXAMPLES} == {"", *SHOWS, *EXPLAINED}


@pytest.mark.kernel
def test_the_examples_come_up_together_and_each_does_what_it_is_there_for(
    sandbox: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "examples.yaml"
    file.write_text(
        yaml.safe_dump_all(one for text in EXAMPLES if pod_of(text) not in EXPLAINED for one in text)
    )
    sandbox("up", file)
    for pod, look in SHOWS.items():
        look(sandbox.json("show", pod), sandbox)

    entries = sandbox.json("show", "as-asked-for")["networkStatus"]
    keys = {key for entry in entries for key in entry}
    assert keys - told("network-status") == set()
    assert {key for key in keys if key.startswith(status.OWN)} == {
        key for key in told("network-status") if key.startswith(status.OWN)
    }


def explained(pod: str, tmp_path: Path) -> Any:
    (documents,) = (one for one in EXAMPLES if pod_of(one) == pod)
    file = tmp_path / "example.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    said = explain("-f", file, "--configurations", "-o", "json")
    return json.loads(said.stdout)[0]["networks"][-1]


def test_a_device_and_a_guid_reach_the_plugin(tmp_path: Path) -> None:
    (plugin,) = explained("on-the-fabric", tmp_path)["plugins"]
    assert plugin["configuration"]["runtimeConfig"] == {
        "deviceID": "0000:3b:02.4",
        "infinibandGUID": "c2:11:22:33:44:55:66:77",
    }


def test_a_resource_of_a_definition_is_known_to_explain(tmp_path: Path) -> None:
    network = explained("with-a-device", tmp_path)
    assert network["resource"] == "example.com/vf"
