"""What the agent holds does not grow with the pods that came and went: ten thousand of them."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import linear_regression

import pytest

from tests.daemon.conftest import MakeNode
from tests.daemon.crowd import ask, gather, namespaces
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.footprint import Footprint, settled
from tests.support.node import AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

WARM, STEP, ALL = 1000, 500, 10_000
"""Pairs: until what is kept of addresses and configurations that were read (a few hundred of each, no more) is full;
between two looks; in all."""
SANDBOXES, WORKERS = 10, 4

KIB_A_PAIR = 0.1
"""What the process may grow by: gaps between what was freed. A configuration that stays behind would be 8, an object
0.1 at the least, and is what ``BLOCKS_A_PAIR`` is for."""
BLOCKS_A_PAIR = 0.02
"""Of Python's memory. An object that stays behind is one at the least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    pairs: int
    footprint: Footprint
    blocks: int
    files: frozenset[str]
    """On disk: the journal and its locks, addresses, device-info files."""


@pytest.mark.long
def test_ten_thousand_pods_leave_no_more_than_the_first(
    make_node: MakeNode,
    control_plane: ControlPlane,
    kube_namespace: str,
    capsys: pytest.CaptureFixture[str],
):
    # Events that are no failures are remembered for the last thousand pods, and would be counted here; so would be
    # what a worker keeps for its next call, whose first one comes by chance.
    node = make_node(
        program=("-m", "tests.daemon.counting"), agent={"events": "failures", "workers": WORKERS}
    )
    net_a = {"type": "bridge", "bridge": "br1", "ipam": node.host_local("10.8.0.0/16")}
    net_b = {"type": "macvlan", "master": "br0", "ipam": node.host_local("10.9.0.0/16")}
    for name, conf in (("net-a", net_a), ("net-b", net_b)):
        kubeobjects.nad(control_plane, kube_namespace, name, {"cniVersion": "1.1.0", **conf})
    node.start()
    seen: list[Held] = []
    began = time.monotonic()
    with namespaces("leaks", SANDBOXES) as paths:
        places = gather(node, control_plane, kube_namespace, paths, "net-a,net-b").sandboxes
        for number in range(1, ALL + 1):
            one = replace(places[number % SANDBOXES], id=f"container-{number}")
            for verb in ("ADD", "DEL"):
                code, said = ask(node, verb, one)
                assert code == 0, said.decode()
            if number >= WARM and number % STEP == 0:
                seen.append(held(node, number))

    first, last = seen[0], seen[-1]
    kib, blocks = (
        slope(seen, [one.footprint.private_kib for one in seen]),
        slope(seen, [one.blocks for one in seen]),
    )
    with capsys.disabled():
        print(
            f"\n{ALL} ADDs and DELs of three networks in {time.monotonic() - began:.0f} s; from the {first.pairs}th "
            f"to the {last.pairs}th: memory {first.footprint.private_kib} to {last.footprint.private_kib} KiB "
            f"({kib:+.3f} a pair), Python's blocks {first.blocks} to {last.blocks} ({blocks:+.4f} a pair), "
            f"threads {first.footprint.threads} to {last.footprint.threads}, file descriptors "
            f"{first.footprint.files.total()} to {last.footprint.files.total()}, files on disk {len(first.files)} to "
            f"{len(last.files)}"
        )
    assert (node.records(), node.addresses(), sorted(node.host.links())) == ([], [], ["br0", "br1"])
    assert blocks < BLOCKS_A_PAIR
    assert kib < KIB_A_PAIR
    for one in seen:
        assert one.footprint.threads == first.footprint.threads
        assert one.footprint.files - first.footprint.files == {}
        assert one.files == first.files


def slope(seen: Sequence[Held], values: Sequence[int]) -> float:
    """By how much it grows with a pair."""
    return linear_regression([one.pairs for one in seen], values).slope


def held(node: AgentNode, pairs: int) -> Held:
    assert node.process is not None
    blocks = node.folder / "blocks"
    blocks.unlink(missing_ok=True)
    node.process.send_signal(signal.SIGUSR1)
    until(blocks.exists)
    folders = (node.state, node.ipam, node.folder / "devinfo", node.folder / "multus")
    return Held(
        pairs=pairs,
        footprint=settled(node.process.pid, node.host.path),
        blocks=int(blocks.read_text()),
        files=frozenset(name for folder in folders for name in files_below(folder)),
    )


def files_below(folder: Path) -> list[str]:
    """Those of locks are as many as there were different sandboxes, up to their number (``attachments.LOCKS``)."""
    return [str(file) for file in folder.rglob("*") if file.is_file() and file.parent.name != "locks"]
