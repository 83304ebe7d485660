"""A node that has seen nothing, with one pod ``cart`` and a few networks defined."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.netns import Netns
from tests.verbs.multus import Past
from tests.verbs.node import Node, host_local


@pytest.fixture
def node(host: Netns, tmp_path: Path) -> Node:
    made = Node(host=host, folder=tmp_path)
    made.pod("cart", "net-a")
    made.define("net-a", type="bridge", bridge="br1", ipam=host_local("10.81.0.0/24"))
    made.define("net-b", type="bridge", bridge="br2", ipam=host_local("10.82.0.0/24"))
    return made


@pytest.fixture
def past(node: Node, peers: Path) -> Past:
    (node.folder / "bin").mkdir()
    return Past(node=node, peers=peers)
