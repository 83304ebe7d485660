"""Links of the host that are made on demand, by an agent that is killed while pods use them."""

from __future__ import annotations

import pytest

from tests.daemon.conftest import MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


def test_the_next_agent_knows_who_uses_a_link(
    node: AgentNode, sandbox: MakeSandbox, control_plane: ControlPlane, kube_namespace: str
):
    tunnel = {"type": "vxlan", "id": 42, "parent": "eth1", "remote": "192.0.2.2"}
    conf = {"cniVersion": "1.1.0", "type": "macvlan", "master": "vx42", "hostLink": tunnel}
    kubeobjects.nad(control_plane, kube_namespace, "tunnelled", conf)
    node.host.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    first, second, forgotten = (sandbox("tunnelled") for _ in range(3))
    with node:
        for one in (first, forgotten):
            node.call("ADD", one).ok()
        node.kill()
        node.start()
        node.call("ADD", second).ok()
        node.call("DEL", first).ok()
        assert "vx42" in node.host.links()

        # The runtime loses one without a word, and tells with a GC who is left.
        node.kill()
        node.start()
        left = [{"containerID": second.id, "ifname": "eth0"}]
        node.call("GC", **{"cni.dev/valid-attachments": left}).ok()
        assert "vx42" in node.host.links()
        node.call("DEL", second).ok()
        assert "vx42" not in node.host.links()
        assert [file.name for file in (node.state / "host-links").iterdir()] == ["lock"]
