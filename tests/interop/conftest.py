from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.delegate.registry import installed
from tests.interop.node import Cnitool, Node
from tests.support.netns import Netns
from tests.support.plugins import quick_ipv6

ROOT = Path(__file__).parents[2]


@pytest.fixture
def host(host: Netns) -> Netns:
    return quick_ipv6(host)


@pytest.fixture
def pod(pod: Netns) -> Netns:
    return quick_ipv6(pod)


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of CNI executables, each one of our delegates; and ``multinet``, the meta plugin."""
    folder = tmp_path_factory.mktemp("ours")
    python = f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m "
    programs = {name: f"multinet.delegate {name}" for name in installed()} | {"multinet": "multinet"}
    for name, module in programs.items():
        program = folder / name
        program.write_text(f"{python}{module}\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def node(host: Netns, tmp_path: Path, peers: Path) -> Node:
    """A node whose pods we attach in this process, with the reference's programs in its binDir."""
    return Node(host=host, folder=tmp_path / "node", bin_dir=peers)


@pytest.fixture
def cnitool(host: Netns, tmp_path: Path, peers: Path) -> Callable[..., Cnitool]:
    """``cnitool(folder, ...)``: libcni with the executables of these folders."""

    def make(*path: Path) -> Cnitool:
        return Cnitool(
            host=host,
            program=peers / "cnitool",
            folder=tmp_path / "cnitool",
            path=":".join(map(str, path)),
        )

    return make
