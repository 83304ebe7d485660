"""The commands of the command line's README and of "Diagnose", typed on a node with an agent, a pod and a cluster."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import pytest
import yaml
from click.testing import CliRunner

from multinet.cli import main, sources
from tests.deploy.rendering import PROGRAMS
from tests.docs import claims
from tests.support import kubeobjects, netns
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.manifests import BRIDGE, nad, pod
from tests.support.node import NETWORKS, AgentNode, Sandbox

CONFIG: Final = sources.CONFIG

ANY: Final = -1
"""Of the exit status: other tests have left definitions in the cluster, some of them wrong on purpose."""

SAYS: Final[Mapping[str, tuple[int, str]]] = {
    "doctor": (1, "the agent is alive"),
    "doctor --kubeconfig ~/.kube/config": (1, "no DaemonSet has the label"),
    "ls": (0, "shop/web-0"),
    "ls networks": (0, "shop/lan"),
    "show shop/web-0": (0, "net1"),
    "graph": (0, "shop/web-0"),
    "ipam": (0, "10.244.0.1-10.244.255.254"),
    "ipam --free": (0, "no address is leaked"),
    "explain shop/web-0": (0, "shop/lan"),
    "explain -f web.yaml": (0, "shop/net-a"),
    "explain -f web.yaml --dry-run": (0, ""),
    "lint": (ANY, "\n"),
    "lint manifests/ --strict": (0, "nothing found"),
}
"""command -> its exit status here, and words of what it says."""


BY_KUBECTL: Final[Mapping[str, tuple[int, str]]] = {
    "kubectl multinet ls -n shop": (0, "shop/web-0"),
    "kubectl multinet ls -A": (0, "shop/web-0"),
    "kubectl multinet show web-0 --context prod": (0, "net1"),
    "kubectl multinet doctor": (1, "no DaemonSet has the label"),
}


def test_every_command_that_this_claims_to_type_is_typed() -> None:
    claimed = [one for document in ("README.md", "multinet/cli/README.md") for one in claims.of(document)]
    typed = {
        shlex.join(shlex.split(one.line, comments=True)[1:])
        for one in claimed
        for claim in claims.CLAIMS
        if claim.by == claims.TYPED and claim.covers(one)
    }

    assert {words.replace("'~", "~").replace("'", "") for words in typed} == set(SAYS)
    assert {one.line for one in claimed if one.line.startswith("kubectl multinet ")} == set(BY_KUBECTL)


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, control_plane: ControlPlane, shim: Path, peers: Path
) -> Iterator[Path]:
    """A folder to be in: the user's, with a kubeconfig, a manifest, and the node's settings in ``config.yaml``."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".kube").mkdir()
    kubeconfig = json.loads(control_plane.kubeconfig(ADMIN).read_text())
    (context,) = kubeconfig["contexts"]
    kubeconfig["contexts"].append({"name": "prod", "context": {**context["context"], "namespace": "shop"}})
    (folder / ".kube" / "config").write_text(json.dumps(kubeconfig))
    (folder / "manifests").mkdir()
    for file in (folder / "web.yaml", folder / "manifests" / "web.yaml"):
        file.write_text(yaml.safe_dump_all([nad(BRIDGE), pod("net-a")]))
    kubeobjects.namespace(control_plane, "shop")
    host, inside = netns.make("mn-commands-host"), netns.make("mn-commands-pod")
    try:
        with AgentNode(folder=folder, host=host, plane=control_plane, bin_dir=peers, shim=shim) as node:
            node.primary()
            lan = {**BRIDGE, "ipam": node.host_local("10.97.0.0/24")}
            kubeobjects.nad(control_plane, "shop", "lan", lan)
            web = kubeobjects.pod(control_plane, "shop", "web-0", {NETWORKS: "lan"})
            node.start()
            one = Sandbox(id="web-0", netns=inside.path, pod=web)
            node.call("ADD", one).ok()
            yield folder
            node.call("DEL", one).ok()
    finally:
        kubeobjects.delete_pod(control_plane, "shop", "web-0")
        kubeobjects.delete_nad(control_plane, "shop", "lan")
        netns.remove(inside)
        netns.remove(host)


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
@pytest.mark.parametrize("command", SAYS)
def test_a_command_does_what_is_said_of_it(command: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sources, "CONFIG", home / "config.yaml")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.chdir(home)
    status, words = SAYS[command]
    argv = [os.path.expanduser(word) for word in shlex.split(command)]
    typed = main.get_command(click.Context(main), argv[0])
    assert typed is not None
    for parameter in typed.params:
        if parameter.default == CONFIG:  # it was read with the command's module, maybe for a test before
            monkeypatch.setattr(parameter, "default", home / "config.yaml")
    done = CliRunner().invoke(main, argv, catch_exceptions=False)

    assert words in done.output
    assert done.exit_code == status or (status == ANY and done.exit_code in (0, 1)), done.output


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
@pytest.mark.parametrize("command", BY_KUBECTL)
def test_kubectl_finds_what_is_said_of_it(command: str, home: Path) -> None:
    status, words = BY_KUBECTL[command]
    path = f"{PROGRAMS}:{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", command],
        env={"PATH": path, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, words in done.stdout) == (status, True), done.stdout + done.stderr
