"""The example of every room, played as a runtime plays a network: each plugin in order, CHECK, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.delegate.registry import installed
from tests.delegates.example import Example, World
from tests.support.netns import Netns
from tests.support.plugins import Attachment

STAYS = ("lock", "last_reserved_ip.")
"""Of host-local's files, when there is no reservation."""


def room(module: str) -> Path:
    """The folder of an installed delegate."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def example(folder: Path) -> Example:
    """What the tests of a room say that its example needs."""
    if not (Path(__file__).parent / folder.parent.name / folder.name / "example.py").exists():
        return Example()
    found: Example = import_module(f"tests.delegates.{folder.parent.name}.{folder.name}.example").EXAMPLE
    return found


def rows() -> list[Any]:
    found = []
    for type_, entry in sorted(installed().items()):
        folder = room(entry.module)
        needed = example(folder)
        marks = [getattr(pytest.mark, needed.needs)] if needed.needs else []
        found.append(pytest.param(folder / "example.yaml", needed, id=type_, marks=marks))
    return found


def plugins(network: Mapping[str, Any], needed: Example, state: Path) -> list[dict[str, Any]]:
    """The configuration of each plugin, as a runtime makes it from a network's."""
    found = []
    for plugin in network.get("plugins", [network]):
        conf = {**plugin, "cniVersion": network["cniVersion"], "name": network["name"]}
        if wanted := {
            key: needed.runtime[key] for key in conf.pop("capabilities", ()) if key in needed.runtime
        }:
            conf["runtimeConfig"] = wanted
        conf |= needed.keys.get(conf["type"], {})
        if ipam := conf.get("ipam"):
            own = {"dataDir": "STATE/addresses"} if ipam["type"] == "host-local" else {}
            conf["ipam"] = {**ipam, **own, **needed.keys.get(ipam["type"], {})}
        found.append(json.loads(json.dumps(conf).replace("STATE", str(state))))
    return found


@pytest.mark.kernel
@pytest.mark.parametrize(("file", "needed"), rows())
def test_an_example_comes_up_is_checked_and_goes(
    file: Path, needed: Example, attach: Callable[..., Attachment], host: Netns, pod: Netns, state: Path
):
    needed.prepare(World(host=host, pod=pod, state=state))
    before = set(host.links())
    for definition in yaml.safe_load_all(file.read_text()):
        chain: list[Attachment] = []
        result: dict[str, Any] = {}
        for conf in plugins(json.loads(definition["spec"]["config"]), needed, state):
            one = attach(pod, {**conf, "prevResult": result} if result else conf).add()
            result = one.result
            chain.append(one)
        for one in chain:
            one.but(result=result).check()
        for one in reversed(chain):
            one.but(result=result).delete()
        assert pod.links() == []
        assert before <= set(host.links())
        assert [
            one.name for one in state.rglob("*") if one.is_file() and not one.name.startswith(STAYS)
        ] == []
