"""A file of the agent's that can't be read: an event on the node, and every other sandbox goes on."""

from __future__ import annotations

import json
import os

import pytest

from tests.daemon.conftest import MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.cluster, pytest.mark.kernel]


def told(plane: ControlPlane, file: str) -> list[str]:
    return [
        event["message"]
        for event in kubeobjects.events(plane, "default")
        if event["reason"] == "DamagedFile"
        and event["involvedObject"]["kind"] == "Node"
        and file in event["message"]
    ]


def test_a_damaged_record_is_put_aside_with_an_event_and_blocks_nobody(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane
):
    damaged, other, later = sandbox(), sandbox(), sandbox()
    for one in (damaged, other):
        node.call("ADD", one).ok()
    file = node.state / "sandboxes" / f"{damaged.id}@eth0.json"
    content = file.read_bytes().replace(b"10.244.0.2", b"10.244.0.3")
    file.write_bytes(content)
    (node.state / "sandboxes" / "pipe@eth0.json").mkdir()

    node.call("CHECK", other).ok()
    node.call("ADD", later).ok()
    node.call("STATUS").ok()
    node.call("DEL", other).ok()
    copy = node.state / "damaged" / file.name
    said = f"{file}: the record is damaged; a copy was put aside as {copy}"
    until(lambda: told(control_plane, str(file)) == [said], seconds=20)
    assert copy.read_bytes() == content

    node.call("DEL", damaged).ok()
    node.call("DEL", later).ok()
    assert node.addresses() == []
    assert [name for name in os.listdir(file.parent) if not name.startswith("pipe")] == []


@pytest.mark.parametrize("content", ["[" * 100_000, '{"file": "/x", "conflist": []}'])
def test_what_was_saved_of_the_primary_network_may_be_damaged(
    node: AgentNode, sandbox: MakeSandbox, content: str
):
    node.stop()
    saved = node.state / "primary.json"
    assert json.loads(saved.read_text())["file"]
    saved.write_text(content)
    node.start()
    one = sandbox()
    node.call("ADD", one).ok()
    node.call("DEL", one).ok()
    assert (node.state / "damaged" / "primary.json").read_text() == content
