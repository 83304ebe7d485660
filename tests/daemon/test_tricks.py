"""Names and paths that lead elsewhere, told to the agent by the shim as the runtime executes it. What one process
does without an agent is in ``tests/bad_input/tricks.yaml``, and is the same code.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


def left(node: AgentNode) -> tuple[list[str], list[str], list[str]]:
    return node.records(), node.addresses(), node.host.links()


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"type": "../../bin/sh"}, "[../../bin/sh]: invalid plugin name: ../../bin/sh"),
        (
            {"type": "bridge", "ipam": {"type": "../host-local"}},
            "[bridge][../host-local]: invalid plugin name: ",
        ),
        ({"type": "br\0idge"}, "a string holds the character NUL"),
        ({"type": "bridge", "name": "../x"}, "invalid characters found in network name"),
        (
            {
                "type": "bridge",
                "ipam": {"type": "host-local", "subnet": "10.1.0.0/24", "dataDir": "/etc/cron.d"},
            },
            "[bridge].ipam.dataDir: '/etc/cron.d' is none of the places that a definition may name",
        ),
        (
            {"type": "host-device", "pciBusID": "../../../../net/lo"},
            "[host-device]: pciBusID: '../../../../net/lo' is not the name of a device",
        ),
    ],
)
def test_what_a_definition_tries_is_refused_and_nothing_is_made(
    node: AgentNode,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    conf: dict[str, Any],
    message: str,
):
    kubeobjects.nad(control_plane, kube_namespace, "bad", {"cniVersion": "1.1.0", **conf})
    one = sandbox("bad")
    said = node.call("ADD", one)
    assert said.code == 1
    assert message in said.error()["msg"]
    assert left(node) == ([], [], [])
    node.call("DEL", one).ok()


@pytest.mark.parametrize(
    "kind", ["a FIFO", "a device", "a file", "a link to the host's", "a link to nothing"]
)
def test_a_namespaces_path_leads_to_a_containers_or_nowhere(
    node: AgentNode, sandbox: MakeSandbox, tmp_path: Path, kind: str
):
    place = tmp_path / "netns"
    match kind:
        case "a FIFO":
            os.mkfifo(place)
        case "a device":
            place.symlink_to("/dev/zero")
        case "a file":
            place.write_text("")
        case "a link to the host's":
            place.symlink_to(node.host.path)
        case _:
            place.symlink_to(tmp_path / "nothing")
    one = replace(sandbox(), netns=str(place))
    said = node.call("ADD", one)
    assert said.code == 1
    assert said.error()["code"] == 8
    assert left(node) == ([], [], [])
    node.call("DEL", one).ok()


def test_a_link_to_a_containers_namespace_is_that_namespace(
    node: AgentNode, sandbox: MakeSandbox, tmp_path: Path
):
    one = sandbox()
    (tmp_path / "netns").symlink_to(one.netns)
    by_link = replace(one, netns=str(tmp_path / "netns"))
    node.call("ADD", by_link).ok()
    node.call("DEL", by_link).ok()
    assert left(node) == ([], [], ["br0"])


def test_what_is_allowed_changes_under_a_running_agent_and_pods_that_are_there_still_end(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
):
    kubeobjects.nad(
        control_plane, kube_namespace, "lan", {"cniVersion": "1.1.0", "type": "bridge", "bridge": "b1"}
    )
    first, second = sandbox("lan"), sandbox("lan")
    node.call("ADD", first).ok()

    node.write_settings(allowedDelegates=["macvlan"])
    until(lambda: "settings taken over" in node.log)
    said = node.call("ADD", second)
    assert said.error()["msg"] == (
        f"{kube_namespace}/lan[bridge].type: 'bridge' is none of the plugins that definitions of the namespace "
        f"{kube_namespace!r} may run"
    )
    node.call("CHECK", first).ok()
    node.call("DEL", first).ok()
    node.call("DEL", second).ok()
    assert node.records() == []
