"""node      an agent and a runtime's shim on a host of their own, with the real API server behind them; started
make_node  the same, not started, with settings of one's own
sandbox    makes a container of a new pod: its namespace, and its pod at the API server
serving    makes a server of the agent's socket alone, with limits of one's own
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.daemon.serving import LIMITS, Under
from tests.support import kubeobjects, prepare
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.node import NETWORKS, AgentNode, Sandbox

MakeNode = Callable[..., AgentNode]
MakeSandbox = Callable[..., Sandbox]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shim(outside: int) -> Path:
    """The shim of this checkout, brought up to date by `make shim`."""
    prepare.make(outside, "shim")
    return ROOT / ".cache" / "shim" / "multinet"


@pytest.fixture
def make_node(
    tmp_path: Path, netns: Callable[..., Netns], control_plane: ControlPlane, shim: Path, peers: Path
) -> Iterator[MakeNode]:
    with ExitStack() as stack:

        def make(**how: Any) -> AgentNode:
            made = AgentNode(
                **{
                    "folder": tmp_path,
                    "host": netns("host"),
                    "plane": control_plane,
                    "bin_dir": peers,
                    "shim": shim,
                    **how,
                }
            )
            made.primary()
            return stack.enter_context(made)

        yield make


@pytest.fixture
def node(make_node: MakeNode) -> AgentNode:
    return make_node().start()


@pytest.fixture
def sandbox(netns: Callable[..., Netns], control_plane: ControlPlane, kube_namespace: str) -> MakeSandbox:
    def make(networks: str = "", *, annotations: Mapping[str, str] | None = None, **how: Any) -> Sandbox:
        number = next(_numbers)
        said = {**({NETWORKS: networks} if networks else {}), **(annotations or {})}
        pod = kubeobjects.pod(control_plane, kube_namespace, f"pod-{number}", said, **how)
        return Sandbox(id=f"container-{number}", netns=netns(f"pod{number}").path, pod=pod)

    return make


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Under]]:
    made: list[Under] = []

    def serve(**limits: float) -> Under:
        under = Under(tmp_path / "agent.sock", replace(LIMITS, **limits))
        under.server.start()
        made.append(under)
        return under

    yield serve
    for under in made:
        under.work.go_on.set()
        assert under.server.stop(10)
