"""``kubectl multinet``: a real kubectl, which finds the plugin on its PATH, in front of a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.node import NETWORKS, STATUS

pytestmark = pytest.mark.cluster

KUBECTL = ROOT / ".cache" / "cluster" / "kubectl"
PROGRAMS = Path(sys.executable).parent
STATUS_OF_A_POD = json.dumps([{"name": "shop/lan", "interface": "net1", "ips": ["10.10.0.10"]}])

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def namespaces(control_plane: ControlPlane) -> tuple[str, str]:
    """Each with a pod that has a network, and a definition; the first is the one of the context."""
    both = kubeobjects.namespace(control_plane), kubeobjects.namespace(control_plane)
    for namespace, name in zip(both, ("web", "db"), strict=True):
        kubeobjects.nad(
            control_plane,
            namespace,
            f"net-of-{name}",
            {"cniVersion": "1.1.0", "type": "bridge", "bridg": "br0"},
        )
        annotations = {NETWORKS: f"net-of-{name}", STATUS: STATUS_OF_A_POD}
        kubeobjects.pod(control_plane, namespace, f"{name}-0", annotations)
    return both


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespaces: tuple[str, str], tmp_path: Path) -> Kubectl:
    if not KUBECTL.exists():
        pytest.fail(f"{KUBECTL} is not there: run `make deploy-programs`", pytrace=False)
    config = json.loads(control_plane.kubeconfig(ADMIN).read_text())
    (context,) = config["contexts"]
    context["context"]["namespace"] = namespaces[0]
    other = {"name": "other", "context": {**context["context"], "namespace": namespaces[1]}}
    config["contexts"].append(other)
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    env = {
        **os.environ,
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "KUBECONFIG": str(file),
        "HOME": str(tmp_path),
    }

    def run(*words: str, fails: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([KUBECTL, *words], capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode == fails, done.stdout + done.stderr
        return done

    return run


def names(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [pod["name"] for pod in json.loads(done.stdout)]


def test_kubectl_finds_the_plugin_and_has_nothing_to_say_against_it(kubectl: Kubectl) -> None:
    done = kubectl("plugin", "list")

    assert f"{PROGRAMS}/kubectl-multinet" in done.stdout.splitlines()
    assert done.stderr == ""


def test_its_help_is_that_of_a_plugin(kubectl: Kubectl) -> None:
    help_ = kubectl("multinet", "--help").stdout
    commands = {line.split()[0] for line in help_.split("Commands:\n")[1].splitlines()}

    assert help_.startswith("Usage: kubectl multinet [OPTIONS] COMMAND [ARGS]...\n")
    assert {"doctor", "explain", "graph", "lint", "ls", "show"} < commands
    assert not {"install", "ipam", "sandbox", "trace", "uninstall"} & commands
    of_ls = kubectl("multinet", "ls", "-h").stdout
    assert of_ls.startswith("Usage: kubectl multinet ls [OPTIONS] [pods|networks]\n")
    assert "\n    kubectl multinet ls networks " in of_ls
    assert "\n    multinet" not in of_ls


def test_the_namespace_is_the_contexts_unless_another_or_all_are_named(
    kubectl: Kubectl, namespaces: tuple[str, str]
) -> None:
    """What kubectl itself does for ``get``."""
    here, there = namespaces

    assert names(kubectl("multinet", "ls", "-o", "json")) == ["web-0"]
    assert names(kubectl("multinet", "ls", "-o", "json", "-n", there)) == ["db-0"]
    assert names(kubectl("multinet", "ls", "-o", "json", "--context", "other")) == ["db-0"]
    everywhere = json.loads(kubectl("multinet", "ls", "-A", "-o", "json").stdout)
    assert {(pod["namespace"], pod["name"]) for pod in everywhere} >= {(here, "web-0"), (there, "db-0")}
    assert kubectl("multinet", "graph").stdout.splitlines()[1:] == [
        "└── shop/lan  network",
        f"    └── {here}/web-0 net1  10.10.0.10",
    ]
    assert "web-0" in kubectl("multinet", "show", "web-0").stdout
    assert kubectl("multinet", "show", "web-0", "-n", there, fails=1).stderr.startswith(
        f"multinet: there is no pod {there}/web-0 in the cluster "
    )
    both = kubectl("multinet", "ls", "-A", "-n", here, fails=2)
    assert both.stderr.endswith("Error: --namespace and --all-namespaces can't both be meant\n")


def test_lint_looks_at_what_the_context_means(kubectl: Kubectl, namespaces: tuple[str, str]) -> None:
    here, there = namespaces
    of_here = kubectl("multinet", "lint", "-o", "json").stdout
    of_all = kubectl("multinet", "lint", "-A", "-o", "json").stdout

    def where(found: str) -> set[str]:
        return {one["where"].removeprefix("NetworkAttachmentDefinition ") for one in json.loads(found)}

    assert where(of_here) == {f"{here}/net-of-web"}
    assert where(of_all) >= {f"{here}/net-of-web", f"{there}/net-of-db"}


def test_what_is_about_a_node_says_where_it_can_be_asked(kubectl: Kubectl) -> None:
    assert kubectl("multinet", "ipam", "--all", fails=2).stderr.endswith(
        "Error: ipam is about one node: kubectl -n kube-system exec ds/multinet -- multinet ipam\n"
    )
    assert kubectl("multinet", "sandbox", "ls", fails=2).stderr.endswith(
        "Error: sandbox is about the machine it runs on: multinet sandbox\n"
    )


def test_a_machine_with_an_agent_is_not_what_kubectl_means(
    kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, since a test may not write to /etc/multinet."""
    from click.testing import CliRunner

    from multinet.cli import PLUGIN, main, sources

    (tmp_path / "config.yaml").write_text("{stateDir: /nowhere, agent: {nodeName: node-1}}")
    monkeypatch.setattr(sources, "CONFIG", tmp_path / "config.yaml")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    done = CliRunner().invoke(main, ["ls", "-o", "json"], prog_name=PLUGIN, catch_exceptions=False)

    assert [pod["name"] for pod in json.loads(done.stdout)] == ["web-0"]


@pytest.mark.parametrize(
    ("words", "found", "directive"),
    [
        (("l",), ["lint", "ls"], ":4"),
        (("show", ""), ["web-0"], ":4"),
        (("show", "-n", "THERE", ""), ["db-0"], ":4"),
        (("show", "THERE/"), ["THERE/db-0"], ":4"),
        (("show", "--context", ""), ["MAIN", "other"], ":4"),
        (("ls", "-n", "THERE"), ["THERE"], ":4"),
        (("ls", "--out"), ["--output"], ":4"),
        (("ls", "-o", ""), ["json", "table", "yaml"], ":4"),
        (("lint", "net-"), ["net-of-web"], ":0"),
        (("explain", "-f", ""), [], ":4"),
        (("ls", "--kubeconfig", ""), [], ":0"),
    ],
)
def test_kubectl_completes_it(
    kubectl: Kubectl, namespaces: tuple[str, str], words: tuple[str, ...], found: list[str], directive: str
) -> None:
    """As the function that `kubectl completion bash` defines asks."""
    _, there = namespaces
    main = kubectl("config", "current-context").stdout.strip()

    def meant(word: str) -> str:
        return word.replace("THERE", there).replace("MAIN", main)

    *told, said = kubectl("__complete", "multinet", *map(meant, words)).stdout.splitlines()
    assert (sorted(line.partition("\t")[0] for line in told), said) == (sorted(map(meant, found)), directive)
