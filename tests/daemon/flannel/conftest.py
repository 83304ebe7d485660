"""fabric     the common network of several nodes, with etcd in it, and flannel's daemon to be started on them
flannel    two nodes with an agent each, whose cluster network is flannel; flanneld does not run yet
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.flannel.nodes import FlannelNode
from tests.support import prepare
from tests.support.flannel import Fabric
from tests.support.netns import Netns


@pytest.fixture(scope="session")
def flanneld(outside: int) -> None:
    """The daemon, brought up to date by `make flannel`."""
    prepare.make(outside, "flannel")


@pytest.fixture
def fabric(tmp_path: Path, netns: Callable[..., Netns], flanneld: None) -> Iterator[Fabric]:
    with Fabric(tmp_path / "fabric", netns("fabric")) as fabric:
        yield fabric


@pytest.fixture
def nodes(
    tmp_path: Path, netns: Callable[..., Netns], fabric: Fabric, shim: Path, peers: Path
) -> Iterator[list[FlannelNode]]:
    """Two of them, their agents started."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                FlannelNode(folder=tmp_path / name, host=netns(name), fabric=fabric, shim=shim, bin_dir=peers)
            )
            for name in ("left", "right")
        ]
