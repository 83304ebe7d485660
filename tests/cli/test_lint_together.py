"""``multinet lint`` on several definitions, with pods beside them, on a node, and of a cluster."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.lint import IPAM, definition, lint

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "m"
    made.mkdir()
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def node_links() -> Iterator[str]:
    """A link of this machine, as macvlan needs one; the whole run is in a namespace of its own."""
    name = f"ln{os.getpid() % 1_000_000}"
    subprocess.run(["ip", "link", "add", name, "type", "veth"], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def test_definitions_are_compared_with_each_other(folder: Path):
    bridge = '{"cniVersion": "1.0.0", %s"type": "bridge", %s}'
    definition(folder, "a", bridge % ("", IPAM))
    definition(folder, "b", bridge % ("", IPAM.replace("10.1.0.0/24", "10.1.0.128/25")))
    definition(folder, "c", bridge % ('"name": "a", ', IPAM.replace("10.1", "10.2")))
    definition(folder, "d", bridge % ('"name": "other", ', IPAM.replace("10.1", "10.3")))
    definition(folder, "e", bridge % ('"name": "d", ', IPAM.replace("10.1", "10.4")))
    definition(folder, "f", bridge % ('"name": "other", ', IPAM.replace("10.1", "10.3")))
    done = lint("m")
    assert done.stdout.splitlines() == [
        "m/b.yaml:6: warning: shop/b: its addresses 10.1.0.129-10.1.0.254 overlap with 10.1.0.1-10.1.0.254 of "
        "shop/a: both may give out the same [overlapping-ranges]",
        "    keep the ranges apart, or give both definitions one CNI name, if they are one network",
        "m/c.yaml:6: warning: shop/c: its CNI name 'a' is that of shop/a, too: they share addresses and what "
        "else plugins keep by it [same-cni-name]",
        "    give one of them another 'name', or make their plugins the same",
        "m/e.yaml:6: warning: shop/e: its CNI name is 'd', which is the name of shop/d [other-cni-name]",
        "    call it as the definition is called, or leave 'name' out",
        "m/f.yaml:6: note: shop/f: its CNI name 'other' is that of shop/d, too: they share addresses and what "
        "else plugins keep by it [same-cni-name]",
        "3 warnings, 1 note",
    ]
    assert done.exit_code == 0
    assert lint("m", "--strict").exit_code == 1


def test_one_name_twice_and_a_file_that_can_t_be_read(folder: Path):
    text = definition(folder, "a", '{"cniVersion": "1.0.0", "type": "loopback"}').read_text()
    (folder / "b.yaml").write_text(f"{text}---\na: [")
    (folder / "c.yaml").write_text(text)
    assert lint("m").stdout.splitlines() == [
        "m/b.yaml: error: it is not YAML: did not find expected node content (line 9, column 1) [unreadable]",
        "    correct the file",
        "m/c.yaml:1: error: there is a NetworkAttachmentDefinition shop/a at m/a.yaml:1, too [same-name]",
        "    give one of them another name",
        "2 errors",
    ]


PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: shop
  annotations: {k8s.v1.cni.cncf.io/networks: a}
spec:
  template: {metadata: {}, spec: {containers: []}}
---
apiVersion: v1
kind: Pod
metadata: {name: till, namespace: shop, annotations: {k8s.v1.cni.cncf.io/networks: b}}
spec: {hostNetwork: true}
---
apiVersion: v1
kind: Pod
metadata:
  name: stock
  namespace: shop
  annotations:
    k8s.v1.cni.cncf.io/networks: '[{"name": "a", "mac": "02:00:00:00:00:01"}, {"name": "c"}]'
spec: {containers: []}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: empty, namespace: shop}
spec: {}
"""


def test_pods_beside_definitions_are_looked_at_too(folder: Path):
    definition(folder, "a", '{"cniVersion": "1.0.0", "type": "bridge"}')
    (folder / "b-pods.yaml").write_text(PODS)
    assert lint("m").stdout.splitlines() == [
        "m/b-pods.yaml:6: warning: k8s.v1.cni.cncf.io/networks is on the Deployment and not on its pods, which "
        "get nothing by it [annotation-not-on-pods]",
        "    move it to spec.template.metadata.annotations",
        "m/b-pods.yaml:12: warning: k8s.v1.cni.cncf.io/networks has no effect: hostNetwork is true, and no CNI "
        "plugin is called for such a pod [host-network]",
        "    remove hostNetwork, or the annotation",
        "m/b-pods.yaml:21: error: Pod shop/stock: there is no NetworkAttachmentDefinition shop/c [pod]",
        "    did you mean shop/a?",
        "m/b-pods.yaml:21: warning: Pod shop/stock asks shop/a for 'mac', and no plugin of it declares that "
        "capability: only what reads CNI_ARGS hears of it [capability-undeclared]",
        '    add "capabilities": {"mac": true} to the plugin that is to do it',
        "m/b-pods.yaml:24: error: spec.template is not an object: there is no pod in it [unreadable]",
        "2 errors, 3 warnings",
    ]


def test_a_name_is_looked_up_in_the_cluster_and_compared_with_its_others(folder: Path):
    for name in ("a", "b"):
        definition(folder, name, f'{{"cniVersion": "1.0.0", "name": "x", "type": "{name}ridge", {IPAM}}}')
    assert lint("shop/b", "--folder", "m").stdout.splitlines() == [
        "m/b.yaml:6: warning: shop/b: its CNI name 'x' is that of shop/a, too: they share addresses and what "
        "else plugins keep by it [same-cni-name]",
        "    give one of them another 'name', or make their plugins the same",
        "1 warning",
    ]
    wrong = lint("shop/c", "--folder", "m")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "multinet: there is neither a file shop/c nor a NetworkAttachmentDefinition shop/c (did you mean shop/b?)\n",
    )
    assert lint("--folder", "m", "-n", "till").stdout == "nothing found\n"


def test_without_a_cluster_names_mean_nothing():
    wrong = lint("shop/c")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "multinet: no cluster is named: there is no kubeconfig, and this is not a pod"
        " (--kubeconfig names one, or --folder a folder with manifests)\n",
    )


@pytest.mark.kernel
def test_on_a_node_links_and_full_ranges_are_looked_at(folder: Path, tmp_path: Path, node_links: str):
    data = tmp_path / "addresses"
    (data / "full").mkdir(parents=True)
    (data / "full" / "10.1.0.2").write_text("cafe\r\neth1")
    ipam = f'"ipam": {{"type": "host-local", "dataDir": "{data}", "ranges": [[{{"subnet": "10.1.0.0/30"}}]]}}'
    definition(folder, "full", f'{{"cniVersion": "1.0.0", "type": "bridge", {ipam}}}')
    definition(folder, "gone", '{"cniVersion": "1.0.0", "type": "macvlan", "master": "nowhere0"}')
    definition(folder, "late", '{"cniVersion": "1.0.0", "type": "macvlan", "master": "nowhere0.7"}')
    definition(
        folder, "mtu", f'{{"cniVersion": "1.0.0", "type": "macvlan", "master": "{node_links}", "mtu": 9000}}'
    )
    config = tmp_path / "config.yaml"
    config.write_text(f"folder: {tmp_path / 'm'}\nallowedPaths: [{tmp_path}]")
    assert lint("m", "--config", config).stdout.splitlines() == [
        "m/full.yaml:6: warning: shop/full: no address is left in 10.1.0.1-10.1.0.2 on this node: all 1 are "
        "taken [no-room]",
        "    free some (`multinet ipam` shows whose they are), or widen the range",
        'm/gone.yaml:6: error: shop/gone: the master "nowhere0" was not found: Link not found [parent]',
        "    correct the key 'master', or make that link on this node",
        "m/mtu.yaml:6: error: shop/mtu: invalid MTU 9000, must be [0, master MTU(1500)] [parent]",
        f"    the master is {node_links}",
        "2 errors, 1 warning",
    ]


@pytest.mark.cluster
def test_a_real_clusters_definitions(control_plane: ControlPlane, kube_namespace: str):
    kubeobjects.nad(control_plane, kube_namespace, "net-a", {"cniVersion": "1.0.0", "type": "multus"})
    done = lint("--kubeconfig", control_plane.kubeconfig(ADMIN), "-n", kube_namespace)
    where = f"NetworkAttachmentDefinition {kube_namespace}/net-a"
    assert done.stdout.splitlines() == [
        f"{where}: error: {kube_namespace}/net-a: multus is a meta plugin, which calls the plugins of networks and "
        "is none itself [meta-plugin]",
        "    name the plugin that makes the interface as the configuration's 'type'",
        "1 error",
    ]
