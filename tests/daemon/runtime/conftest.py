"""node      an agent that is not started, whose plugins are in ``bin_dir``
runtime   a containerd that uses multinet; the node's agent runs
make_runtime  the same, for a node that need not run yet
pod       makes a pod at the API server
networks  the definitions net-a and net-b
calls     a folder of what the runtime says to the shim
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import MakeNode
from tests.image.conftest import image as image
from tests.image.conftest import make_image as make_image
from tests.support import kubeobjects, prepare
from tests.support.containerd import Containerd
from tests.support.controlplane import ControlPlane
from tests.support.node import NETWORKS, AgentNode

REMEMBERING = """\
#!/bin/bash
call=$(mktemp {calls}/$CNI_COMMAND.XXXXXX)
cat >"$call"
exec {shim} <"$call"
"""
"""Stands where the shim is installed, keeps what the runtime says, and is the shim from then on."""

MakeRuntime = Callable[[AgentNode], Containerd]
MakePod = Callable[..., dict[str, Any]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def pause(outside: int) -> None:
    """The program of the pods' sandboxes."""
    prepare.make(outside, "programs")


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of what the runtime said to the shim: ``ADD.xxxxxx``."""
    made = tmp_path / "calls"
    made.mkdir()
    return made


@pytest.fixture
def bin_dir(tmp_path: Path, peers: Path, shim: Path, calls: Path) -> Path:
    """The runtime's folder of plugins: the reference's, and multinet."""
    made = tmp_path / "bin"
    made.mkdir()
    for file in peers.iterdir():
        (made / file.name).symlink_to(file)
    script(made / "multinet", REMEMBERING.format(calls=calls, shim=shim))
    return made


@pytest.fixture
def make_runtime(tmp_path: Path, bin_dir: Path, pause: None) -> Iterator[MakeRuntime]:
    with ExitStack() as stack:

        def make(node: AgentNode) -> Containerd:
            made = Containerd(
                tmp_path / "cd",
                host=node.host,
                conf_dir=node.conf_dir,
                bin_dir=bin_dir,
                env={"MULTINET_SOCKET": str(node.socket)},
            )
            return stack.enter_context(made)

        yield make


@pytest.fixture
def node(make_node: MakeNode, bin_dir: Path) -> AgentNode:
    """Not started."""
    return make_node(bin_dir=bin_dir)


@pytest.fixture
def runtime(node: AgentNode, make_runtime: MakeRuntime) -> Containerd:
    """A containerd that uses multinet, whose agent runs."""
    node.start()
    made = make_runtime(node)
    made.wait_network("multinet")
    return made


@pytest.fixture
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """For a test that stops its API server: the next test finds it running."""
    yield control_plane
    if not control_plane.running:
        control_plane.start_apiserver()


@pytest.fixture
def pod(control_plane: ControlPlane, kube_namespace: str) -> MakePod:
    """Makes a pod at the API server: of this node, unless told otherwise."""

    def make(
        networks: str = "", *, annotations: Mapping[str, str] | None = None, **how: Any
    ) -> dict[str, Any]:
        said = {**({NETWORKS: networks} if networks else {}), **(annotations or {})}
        return kubeobjects.pod(control_plane, kube_namespace, f"pod-{next(_numbers)}", said, **how)

    return make


@pytest.fixture
def networks(control_plane: ControlPlane, kube_namespace: str, node: AgentNode) -> None:
    """net-a and net-b, for whom they name."""
    for number, name in enumerate(("net-a", "net-b"), 1):
        conf = {"cniVersion": "1.1.0", "type": "macvlan", "master": "br0"}
        conf["ipam"] = node.host_local(f"10.9.{number}.0/24")
        kubeobjects.nad(control_plane, kube_namespace, name, conf)


def script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
