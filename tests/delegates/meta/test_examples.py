"""The examples of chained plugins, played as a runtime plays a list: every plugin in order, CHECK, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.netns import Netns
from tests.support.plugins import Attachment

pytestmark = pytest.mark.kernel

ROOMS = Path(__file__).parents[3] / "delegates/meta"
NEEDS_MORE = ("vrf",)
"""Than the least of our machines' kernels has."""

EXAMPLES = [
    pytest.param(file, id=file.parent.name, marks=[pytest.mark.uml] if file.parent.name in NEEDS_MORE else [])
    for file in sorted(ROOMS.glob("*/example.yaml"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_comes_up_is_checked_and_goes(
    example: Path, attach: Callable[..., Attachment], pod: Netns, state: Path
):
    network = json.loads(yaml.safe_load(example.read_text())["spec"]["config"])
    chain: list[Attachment] = []
    result: dict[str, Any] = {}
    for plugin in network["plugins"]:
        conf = {**plugin, "cniVersion": network["cniVersion"], "name": network["name"]}
        if "ipam" in conf:
            conf["ipam"] = {**conf["ipam"], "dataDir": str(state)}
        if conf["type"] == "tuning":
            conf["dataDir"] = str(state / "tuning")
        one = attach(pod, {**conf, "prevResult": result} if result else conf).add()
        result = one.result
        chain.append(one)
    for one in chain:
        one.but(result=result).check()
    for one in reversed(chain):
        one.but(result=result).delete()
    assert pod.links() == []
    assert not list(state.glob("tuning/*"))
