"""What the agent holds after a thousand pods is what it held after a hundred."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode
from tests.daemon.crowd import gather, namespaces
from tests.support import kubeobjects
from tests.support.caller import Shim
from tests.support.controlplane import ControlPlane
from tests.support.footprint import Footprint, settled
from tests.support.node import AgentNode, Sandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

WARM, HALF, ALL = 100, 550, 1000
"""Pairs. By the half, what the agent keeps of addresses and configurations that it has read (a few hundred of
each, no more) is full."""
SANDBOXES = 10

GROWTH_KIB = 5 * 1024
"""From the hundredth pair to the thousandth: those caches (1 MiB), the stacks, netlink sockets and connections of
workers whose turn had not come, and gaps between what was freed. 900 pairs that leave a configuration behind each
would be 7 MiB, and one object each is what ``BLOCKS`` is for."""
BLOCKS = 100
"""Of Python's memory in the second half: fewer than one for every fourth pair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    footprint: Footprint
    blocks: int
    files: frozenset[str]
    """On disk: the journal and its locks, addresses, device-info files."""


@pytest.mark.long
def test_a_thousand_pods_leave_no_more_than_a_hundred(
    make_node: MakeNode, control_plane: ControlPlane, kube_namespace: str
):
    # Events that are no failures are remembered for the last thousand pods, and would be counted here.
    node = make_node(program=("-m", "tests.daemon.counting"), agent={"events": "failures"})
    net_a = {"type": "bridge", "bridge": "br1", "ipam": node.host_local("10.8.0.0/16")}
    net_b = {"type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/16")}
    for name, conf in (("net-a", net_a), ("net-b", net_b)):
        kubeobjects.nad(control_plane, kube_namespace, name, {"cniVersion": "1.1.0", **conf})
    node.start()
    with namespaces("leaks", SANDBOXES) as paths:
        places = gather(node, control_plane, kube_namespace, paths, "net-a,net-b").sandboxes

        def come_and_go(first: int, end: int) -> Held:
            for number in range(first, end):
                one = replace(places[number % SANDBOXES], id=f"container-{number}")
                for verb in ("ADD", "DEL"):
                    ask(node, verb, one)
            return held(node)

        warm = come_and_go(0, WARM)
        half = come_and_go(WARM, HALF)
        after = come_and_go(HALF, ALL)

    assert (node.records(), node.addresses(), sorted(node.host.links())) == ([], [], ["br0", "br1"])
    assert after.footprint.threads == warm.footprint.threads
    assert after.blocks - half.blocks < BLOCKS
    assert after.footprint.private_kib - warm.footprint.private_kib < GROWTH_KIB
    assert after.files == warm.files
    assert after.footprint.files - half.footprint.files == {}


def ask(node: AgentNode, verb: str, one: Sandbox) -> None:
    """As the shim does, without the start of a process."""
    env = node.environment(verb, one)
    with open(node.host.path) as host, open(one.netns) as container, Shim(node.socket) as shim:
        shim.call(
            env.pop("CNI_COMMAND"),
            env.pop("CNI_CONTAINERID"),
            netns=env.pop("CNI_NETNS"),
            stdin=node.conf(one),
            fds=(host.fileno(), container.fileno()),
            **env,
        )
        code, said = shim.answer()
    assert code == 0, said.decode()


def held(node: AgentNode) -> Held:
    assert node.process is not None
    blocks = node.folder / "blocks"
    blocks.unlink(missing_ok=True)
    node.process.send_signal(signal.SIGUSR1)
    until(blocks.exists)
    folders = (node.state, node.ipam, node.folder / "devinfo", node.folder / "multus")
    return Held(
        footprint=settled(node.process.pid, node.host.path),
        blocks=int(blocks.read_text()),
        files=frozenset(name for folder in folders for name in files_below(folder)),
    )


def files_below(folder: Path) -> list[str]:
    """Those of locks are as many as there were different sandboxes, up to their number (``attachments.LOCKS``)."""
    return [str(file) for file in folder.rglob("*") if file.is_file() and file.parent.name != "locks"]
