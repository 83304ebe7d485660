"""kind's own program takes what the driver says, up to where it needs its node image: only Docker is stood in for."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.driver import CommandFailed
from e2e.cluster.images import busybox
from e2e.cluster.kind import Kind
from e2e.cluster.multinet import TAINT
from tests.support import tree

KIND = tree.ROOT / ".cache" / "cluster" / "kind"
DOCKER = """\
#!{python}
import json, os, pathlib, sys

argv, folder = sys.argv[1:], pathlib.Path({folder!r})
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps(argv) + "\\n")
nodes = folder / "nodes"
match argv:
    case ["-v"]:
        print("Docker version 27.0.0, build stands-in")
    case ["info", *_]:
        print(json.dumps(dict.fromkeys(("MemoryLimit", "PidsLimit", "CPUShares"), True) | {{"CgroupVersion": "2"}}))
    case ["ps", *_]:
        print(nodes.read_text() if nodes.exists() else "", end="")
    case ["inspect", *_, node] if "role" in argv[2]:
        print("control-plane" if node.endswith("control-plane") else "worker")
    case ["inspect", *_] if "NetworkSettings" in argv[2]:
        print("172.18.0.2,fc00::2")
    case ["network", "ls", *_]:
        print(1)
    case ["run", "--name", node, *_]:
        with open(nodes, "a") as names:
            names.write(node + "\\n")
    case ["logs", *_]:
        print("Reached target Multi-User System")
    case ["exec", *_, "cat", "/kind/version"]:
        print("v1.37.0")
    case ["exec", "--privileged", "-i", node, "cp", "/dev/stdin", "/kind/kubeadm.conf"]:
        (folder / f"{{node}}.conf").write_text(sys.stdin.read())
    case ["exec", *_, "containerd", "config", "dump"]:
        print("version = 3", "[plugins.'io.containerd.cri.v1.images']", "snapshotter = 'overlayfs'", sep="\\n")
    case ["exec", *_, "kubeadm", "init", _, _, _]:
        sys.exit("there is no node")
    case ["rm", *_]:
        nodes.unlink()
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what it is told; the nodes that it runs are in its file ``nodes``."""
    assert KIND.exists(), "it is not there: run `make deploy-programs`"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kind").symlink_to(KIND)
    (programs / "docker").write_text(DOCKER.format(python=sys.executable, folder=str(tmp_path)))
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def calls(folder: Path, *words: str) -> list[list[str]]:
    """Those that begin so."""
    said = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    return [call for call in said if call[: len(words)] == [*words]]


def kubeadm(folder: Path, node: str) -> dict[str, dict[str, Any]]:
    """What its kubeadm is given, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((folder / f"{node}.conf").read_text())}


@pytest.mark.parametrize("only_ipv6", [False, True], ids=["IPv4", "IPv6 alone"])
def test_its_configuration_makes_workers_that_join_with_the_taint(docker: Path, only_ipv6: bool):
    kind = Kind(taints=[TAINT], only_ipv6=only_ipv6)
    with pytest.raises(CommandFailed, match="failed to init node with kubeadm"):
        kind.start()

    workers = [f"{kind.name}-worker", f"{kind.name}-worker2"]
    assert sorted(call[2] for call in calls(docker, "run")) == [f"{kind.name}-control-plane", *workers]
    for worker in workers:
        given = kubeadm(docker, worker)
        assert given["JoinConfiguration"]["nodeRegistration"]["taints"] == [TAINT]
        assert (":" in given["ClusterConfiguration"]["networking"]["podSubnet"]) == only_ipv6
    assert (
        "taints" not in kubeadm(docker, f"{kind.name}-control-plane")["InitConfiguration"]["nodeRegistration"]
    )
    (removed,) = calls(docker, "rm")
    assert set(workers) < set(removed)
    assert not (docker / "nodes").exists()


def test_an_image_is_brought_onto_each_node(docker: Path, tmp_path: Path):
    kind = Kind()
    names = [f"{kind.name}-worker", f"{kind.name}-control-plane", f"{kind.name}-worker2"]
    (docker / "nodes").write_text("".join(f"{name}\n" for name in names))
    kind.load(busybox(tmp_path / "busybox.tar"))
    imports = [call for call in calls(docker, "exec") if "import" in call]
    assert sorted(call[3] for call in imports) == sorted(names)
    assert {tuple(call[4:6]) for call in imports} == {("ctr", "--namespace=k8s.io")}
