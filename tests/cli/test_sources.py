"""Where commands have pods and definitions from: options, settings, environment, and what is asked of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from multinet.cli import objects, sources
from multinet.cli.sources import Choice
from multinet.errors import DecodingFailure, InvalidConfig, IOFailure, NotAvailable
from multinet.kube.errors import ApiForbidden
from multinet.npwg.nad import NetworkAttachmentDefinition
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, NOBODY, ControlPlane

MANIFESTS = """\
# two of them
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop}
---
apiVersion: v1
kind: List
items:
- apiVersion: k8s.cni.cncf.io/v1
  kind: NetworkAttachmentDefinition
  metadata:
    name: net-a
  spec:
    config: |
      {"type": "bridge"}
"""


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings, no kubeconfig, no pod; returns the home."""
    monkeypatch.setattr(sources, "CONFIG", tmp_path / "etc" / "config.yaml")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    (made / "all.yaml").write_text(MANIFESTS)
    return made


def kubeconfig(file: Path, server: str, namespace: str = "") -> Path:
    context = {"cluster": "c", **({"namespace": namespace} if namespace else {})}
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": file.name, "context": context}],
        "current-context": file.name,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content))
    return file


def told(choice: Choice) -> str:
    with choice.open() as cluster:
        return cluster.told


def test_a_folder_is_read_once_with_files_and_lines(folder: Path):
    (folder / ".all.yaml.swp").write_text("[")
    choice = Choice(folder=folder)
    with choice.open() as cluster:
        assert cluster.told == f"the folder {folder}"
        (pod,) = cluster.pods()
        (definition,) = cluster.definitions()
        assert (pod.where, str(pod)) == (f"{folder}/all.yaml:2", "shop/cart-0")
        assert (definition.where, str(definition)) == (f"{folder}/all.yaml:9", "default/net-a")
        assert [definition.line(*path) for path in (("metadata", "name"), ("spec", "config"), ("x",))] == [
            12,
            14,
            9,
        ]
        assert cluster.definition("default", "net-a") == NetworkAttachmentDefinition(
            namespace="default", name="net-a", config='{"type": "bridge"}'
        )
        assert cluster.pod("shop", "cart-0") == pod
        assert (cluster.pod("shop", "cart-1"), cluster.definition("shop", "net-a")) == (None, None)
        assert (cluster.pods("default"), cluster.definitions("shop"), cluster.events(pod)) == ([], [], [])
    assert choice.namespace == "default"


def test_a_pod_of_a_folder_has_the_status_that_was_written_beside_it(folder: Path):
    (folder / "shop.cart-0.status.json").write_text(
        '{"metadata": {"annotations": {"k8s.v1.cni.cncf.io/network-status": "[]"}}}'
    )
    with Choice(folder=folder).open() as cluster:
        (pod,) = cluster.pods("shop")
    assert pod.metadata["annotations"] == {"k8s.v1.cni.cncf.io/network-status": "[]"}


def test_two_files_with_one_object_are_told(folder: Path):
    (folder / "other.yaml").write_text(MANIFESTS)
    with Choice(folder=folder).open() as cluster, pytest.raises(InvalidConfig) as twice:
        cluster.pod("shop", "cart-0")
    assert str(twice.value) == (
        f"{folder}/all.yaml and {folder}/other.yaml both hold the Pod shop/cart-0 (remove one of them)"
    )


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (
            b"a: [",
            DecodingFailure,
            ": it is not YAML: did not find expected node content (line 2, column 1) (correct the file)",
        ),
        (b"- 1", DecodingFailure, ": expected Kubernetes objects, got a list"),
        (None, IOFailure, None),
    ],
)
def test_a_file_that_can_t_be_read_says_where(
    tmp_path: Path, content: bytes | None, kind: type[Exception], sentence: str | None
):
    file = tmp_path / "x.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(kind) as wrong:
        objects.read_all([file])
    expected = f"{file}{sentence}" if sentence else f"{file}: could not read it: No such file or directory"
    assert str(wrong.value).startswith(expected)


def test_stdin_is_a_file_by_the_name_of_a_dash():
    @click.command()
    def read() -> None:
        for one in objects.read_all(["-"]):
            click.echo(one.where)

    assert CliRunner().invoke(read, input=MANIFESTS).stdout == "stdin:2\nstdin:9\n"


def test_which_cluster_is_meant(nothing_around: Path, tmp_path: Path, folder: Path, monkeypatch: Any):
    with pytest.raises(NotAvailable) as none:
        told(Choice())
    assert str(none.value) == (
        "no cluster is named: there is no kubeconfig, and this is not a pod"
        " (--kubeconfig names one, or --folder a folder with manifests)"
    )
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert told(Choice()) == "the cluster https://192.0.2.1:443"
    kubeconfig(nothing_around / ".kube" / "config", "https://192.0.2.2", namespace="shop")
    assert told(Choice()) == "the cluster https://192.0.2.2"
    assert (Choice().namespace, Choice(named="till").namespace) == ("shop", "till")
    settings = tmp_path / "etc" / "config.yaml"
    agents = kubeconfig(tmp_path / "agents", "https://192.0.2.3")
    settings.parent.mkdir()
    settings.write_text(f"agent: {{kubeconfig: {agents}}}")
    assert told(Choice()) == "the cluster https://192.0.2.3"
    mine, other = (
        kubeconfig(tmp_path / name, f"https://192.0.2.{number}")
        for name, number in (("mine", 4), ("other", 5))
    )
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{mine}:{other}")
    assert told(Choice()) == "the cluster https://192.0.2.4"
    settings.write_text(f"folder: {folder}")
    assert told(Choice()) == f"the folder {folder}"
    assert told(Choice(context="mine")) == "the cluster https://192.0.2.4"
    assert told(Choice(kubeconfig=other)) == "the cluster https://192.0.2.5"
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("{}")
    assert told(Choice(config=elsewhere)) == "the cluster https://192.0.2.4"


def test_several_kubeconfigs_are_one_and_each_names_files_beside_itself(tmp_path: Path, monkeypatch: Any):
    first, second = tmp_path / "a" / "first", tmp_path / "b" / "second"
    kubeconfig(first, "https://192.0.2.1")
    kubeconfig(second, "https://192.0.2.2")
    content = yaml.safe_load(second.read_text())
    content["clusters"] = [
        {"name": "d", "cluster": {"server": "https://192.0.2.2", "certificate-authority": "ca"}}
    ]
    content["contexts"][0]["context"]["cluster"] = "d"
    second.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    assert told(Choice()) == "the cluster https://192.0.2.1"
    assert told(Choice(context="second")) == "the cluster https://192.0.2.2"
    assert Choice(context="second")._access.ca == tmp_path / "b" / "ca"
    with pytest.raises(InvalidConfig) as none:
        told(Choice(context="third"))
    assert str(none.value) == f"kubeconfig {first}:{second}: contexts: there is none named 'third'"


def test_a_folder_and_a_cluster_are_not_both_meant(folder: Path):
    @click.command()
    @sources.options
    def command(source: Choice) -> None:
        click.echo(source.namespace)

    def run(*args: str) -> Any:
        return CliRunner().invoke(command, args)

    assert run("--folder", str(folder), "-n", "shop").stdout == "shop\n"
    done = run("--folder", str(folder), "--context", "x")
    assert done.exit_code == 2
    assert done.stderr.endswith(
        "Error: --folder stands for a cluster: it goes without --kubeconfig and --context\n"
    )


@pytest.mark.cluster
def test_a_real_cluster_says_what_it_has(
    control_plane: ControlPlane, kube_namespace: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("multinet.cli.clusters.PAGE", 1)
    for name in ("cart-0", "cart-1"):
        kubeobjects.pod(control_plane, kube_namespace, name)
    kubeobjects.nad(control_plane, kube_namespace, "net-a", {"type": "bridge"})
    with Choice(kubeconfig=control_plane.kubeconfig(ADMIN)).open() as cluster:
        assert cluster.told == f"the cluster {control_plane.server}"
        assert [one.name for one in cluster.pods(kube_namespace)] == ["cart-0", "cart-1"]
        assert cluster.pods(kube_namespace, node="elsewhere") == []
        pod = cluster.pod(kube_namespace, "cart-0")
        assert pod is not None
        assert (pod.kind, pod.where, pod.line()) == ("Pod", f"Pod {kube_namespace}/cart-0", 0)
        assert cluster.pod(kube_namespace, "cart-2") is None
        assert cluster.events(pod) == []
        (definition,) = cluster.definitions(kube_namespace)
        assert (definition.kind, definition.name) == ("NetworkAttachmentDefinition", "net-a")
        assert definition.definition() == cluster.definition(kube_namespace, "net-a")
        assert cluster.definition(kube_namespace, "net-b") is None


@pytest.mark.cluster
def test_a_user_who_may_not_is_told_what_is_missing(control_plane: ControlPlane):
    with (
        Choice(kubeconfig=control_plane.kubeconfig(NOBODY)).open() as cluster,
        pytest.raises(ApiForbidden) as no,
    ):
        cluster.pods("shop")
    assert str(no.value) == (
        'the API server refused to list pods in shop: pods is forbidden: User "nobody" cannot list resource'
        ' "pods" in API group "" in the namespace "shop" (403) (the user of the kubeconfig may not do that:'
        " it takes a role that lists pods and definitions)"
    )
