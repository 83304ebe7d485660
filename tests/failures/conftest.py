"""programs  a folder with the reference's plugins and a few that fail (``PROGRAMS``)
kubelet   a kubelet that knows of no devices
node      one agent for all failures of a module that leave it well; ``namespaceIsolation`` is on
ear       what everybody hears there
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.daemon.conftest import make_node as make_node
from tests.daemon.conftest import sandbox as sandbox
from tests.daemon.conftest import shim as shim
from tests.failures.told import Ear
from tests.support import netns as namespaces
from tests.support.controlplane import ControlPlane
from tests.support.kubelet import Kubelet
from tests.support.node import AgentNode

PROGRAMS: Final = {
    # Prints what it was given, a password among it, and no error that CNI knows.
    "garbled": """#!/bin/sh
[ "$CNI_COMMAND" = DEL ] && exit 0
echo 'panic: runtime error' >&2
cat
exit 2
""",
    # An old one: it knows nothing newer than 0.3.1, and answers in that, with the reference's words.
    "old": """#!/bin/sh
if [ "$CNI_COMMAND" = ADD ] && ! grep -q '"cniVersion": *"0.3.1"'; then
    echo '{"code": 1, "msg": "incompatible CNI versions", "details": "plugin supports [\\"0.3.0\\" \\"0.3.1\\"]"}'
    exit 1
fi
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "0.3.1", "supportedVersions": ["0.3.0", "0.3.1"]}' ;;
ADD) echo '{"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "10.31.0.2/24"}]}' ;;
esac
""",
    # Its DEL fails until somebody has mended it.
    "stubborn": """#!/bin/sh
cat > /dev/null
if [ "$CNI_COMMAND" = DEL ] && [ ! -e "$0.mended" ]; then
    echo '{"code": 100, "msg": "the controller of the fabric does not answer"}'
    exit 1
fi
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion": "1.0.0"}'
exit 0
""",
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, peers: Path) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    for file in peers.iterdir():
        (folder / file.name).symlink_to(file)
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def kubelet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    with Kubelet(tmp_path_factory.mktemp("kubelet") / "kubelet.sock") as running:
        running.registered.append("example.com/vf")
        yield running


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory,
    control_plane: ControlPlane,
    shim: Path,
    programs: Path,
    kubelet: Kubelet,
) -> Iterator[AgentNode]:
    host = namespaces.make("mn-failures-host")
    try:
        made = AgentNode(
            folder=tmp_path_factory.mktemp("node"),
            host=host,
            plane=control_plane,
            bin_dir=programs,
            shim=shim,
            settings={"namespaceIsolation": True},
            agent={"podResourcesSocket": str(kubelet.path)},
        )
        made.primary()
        with made:
            yield made.start()
    finally:
        namespaces.remove(host)


@pytest.fixture
def ear(node: AgentNode, control_plane: ControlPlane, kube_namespace: str) -> Ear:
    return Ear(node=node, plane=control_plane, namespace=kube_namespace)
