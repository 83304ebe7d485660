"""The Helm chart: it makes what kustomize makes, and refuses values that would be passed over."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from multinet import __version__
from tests.deploy import rendering
from tests.deploy.applying import apply
from tests.deploy.rendering import CHART, DEPLOY, OVERLAYS, helm, helm_run, meant, one, overlay, pod_spec
from tests.support import tree
from tests.support.controlplane import ControlPlane

HOOK = "helm.sh/hook"
COPIES = {
    **{
        f"manifests/{name}.yaml": DEPLOY / "manifests" / f"{name}.yaml"
        for name in ("rbac", "policy", "config")
    },
    "manifests/daemonset.yaml": DEPLOY / "manifests" / "daemonset.yaml",
    "manifests/firewalld.yaml": DEPLOY / "components" / "firewalld" / "daemonset.yaml",
    "manifests/uninstall.yaml": DEPLOY / "uninstall" / "job.yaml",
    "crds/network-attachment-definition.yaml": tree.ROOT / "crds" / "network-attachment-definition.yaml",
}


def hooks(objects: list[rendering.Object]) -> list[rendering.Object]:
    return [one for one in objects if HOOK in one["metadata"].get("annotations", {})]


def others(objects: list[rendering.Object]) -> list[rendering.Object]:
    return [one for one in objects if one not in hooks(objects)]


@pytest.mark.parametrize(("copy", "original"), COPIES.items(), ids=list(COPIES))
def test_what_it_is_made_of_is_what_is_applied_without_it(copy: str, original: Path):
    assert (CHART / copy).read_text() == original.read_text(), "run `make chart`"


def test_it_has_nothing_to_complain_about():
    done = rendering.lint()
    assert done.returncode == 0, done.stdout
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("platform", OVERLAYS)
def test_it_makes_the_objects_of_the_overlay_of_that_name(platform: str):
    assert meant(others(helm(f'platform="{platform}"'))) == meant(overlay(platform))


def test_by_default_it_makes_those_of_the_overlay_containerd():
    assert meant(others(helm())) == meant(overlay("containerd"))


def test_before_it_is_deleted_it_does_what_the_command_without_helm_does():
    made = hooks(helm())
    assert [one["metadata"]["annotations"]["helm.sh/hook-weight"] for one in made] == ["0", "1", "2", "3"]
    for hook in made:
        annotations = hook["metadata"].pop("annotations")
        assert annotations[HOOK] == "pre-delete"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert made == rendering.kustomize(DEPLOY / "uninstall")


@pytest.mark.cluster
def test_the_api_server_takes_every_object_of_it(plane: ControlPlane):
    objects = helm()
    assert len(apply(plane, *objects, dry_run=True)) == len(objects) == 11


def test_its_versions_are_multinets():
    chart = (CHART / "Chart.yaml").read_text()
    assert f"\nversion: {__version__}\n" in chart
    assert f"\nappVersion: {__version__}\n" in chart


def test_the_archive_has_all_that_it_is_made_of(tmp_path: Path):
    with tarfile.open(rendering.package(tmp_path)) as archive:
        names = {name.removeprefix("multinet/") for name in archive.getnames()}
    assert names == {
        str(file.relative_to(CHART)) for file in tree.tracked(f"{CHART.relative_to(tree.ROOT)}/**")
    }


# --- values ---


def test_firewalld_is_reached_as_by_the_component_of_that_name():
    objects = others(helm("firewalld=true"))
    assert meant(objects) == meant(rendering.overlay("containerd", components=["firewalld"]))


def test_an_image_is_named_by_tag_or_by_digest():
    for values, wanted in (
        ('image={"repository": "example.com/net/multinet"}', f"example.com/net/multinet:{__version__}"),
        ('image={"tag": "1.2.3"}', "multinet:1.2.3"),
        ('image={"tag": "sha256:12ab"}', "multinet@sha256:12ab"),
    ):
        objects = helm(values)
        specs = [pod_spec(objects), one(objects, "Job", "multinet-uninstall")["spec"]["template"]["spec"]]
        containers = [one for spec in specs for one in [*spec.get("initContainers", []), *spec["containers"]]]
        assert {container["image"] for container in containers} == {wanted}


def test_secrets_are_for_all_that_is_pulled():
    objects = helm('image={"pullSecrets": ["registry"], "pullPolicy": "Never"}')
    for spec in (pod_spec(objects), one(objects, "Job", "multinet-uninstall")["spec"]["template"]["spec"]):
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert spec["containers"][0]["imagePullPolicy"] == "Never"


def test_settings_go_over_those_of_the_platform():
    objects = helm(
        'platform="k3s"', 'settings={"namespaceIsolation": true, "binDir": "/b", "agent": {"workers": 8}}'
    )
    assert rendering.settings(objects) == {
        "namespaceIsolation": True,
        "binDir": "/b",
        "agent": {
            "workers": 8,
            "sysctlDir": "/host/proc/sys",
            "cniConfDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
        },
    }


def test_one_place_may_be_elsewhere_than_the_platform_has_it():
    objects = helm('platform="k3s"', 'paths={"cniBin": "/data/k3s/cni"}')
    wanted = {
        "binDir": "/data/k3s/cni",
        "agent": {
            "sysctlDir": "/host/proc/sys",
            "cniConfDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
        },
    }
    assert rendering.settings(objects) == wanted
    places = {
        volume["name"]: volume.get("hostPath", {}).get("path") for volume in pod_spec(objects)["volumes"]
    }
    assert places["cni-bin"] == "/data/k3s/cni"


def test_links_amounts_and_the_way_to_the_api_server_reach_the_containers():
    objects = helm(
        'links=["multus", "bridge"]',
        "replaceLinks=true",
        'cpu="1"',
        'memory="256Mi"',
        'apiServer={"host": "10.0.0.1", "port": 443}',
    )
    spec = pod_spec(objects)
    install, agent = *spec["initContainers"], *spec["containers"]
    assert install["command"][-3:] == ["--link=multus", "--link=bridge", "--replace"]
    amount = {"cpu": "1", "memory": "256Mi"}
    assert install["resources"] == agent["resources"] == {"requests": amount, "limits": amount}
    server = [
        {"name": "KUBERNETES_SERVICE_HOST", "value": "10.0.0.1"},
        {"name": "KUBERNETES_SERVICE_PORT", "value": "443"},
    ]
    assert agent["env"][1:] == server
    job = one(objects, "Job", "multinet-uninstall")["spec"]["template"]["spec"]["containers"][0]
    assert job["env"] == server


def test_how_nodes_are_left_can_be_said():
    def command(*values: str) -> list[str]:
        job = one(helm(*values), "Job", "multinet-uninstall")
        words: list[str] = job["spec"]["template"]["spec"]["containers"][0]["command"]
        return words

    assert command('uninstall={"waitSeconds": 30, "force": true}') == [
        *("multinet", "uninstall-everywhere", "--wait=30", "--force")
    ]
    assert hooks(helm('uninstall={"enabled": false}')) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('imge={"tag": "1"}', "additional properties 'imge' not allowed"),
        ('image={"tags": "1"}', "additional properties 'tags' not allowed"),
        ('image={"pullPolicy": "Sometimes"}', "value must be one of 'Always', 'IfNotPresent', 'Never'"),
        (
            'platform="openstack"',
            "value must be one of 'containerd', 'rke2', 'k3s', 'microk8s', 'talos', 'crio'",
        ),
        ('paths={"cniBin": "opt/cni/bin"}', "does not match pattern"),
        ('paths={"cnibin": "/opt/cni/bin"}', "additional properties 'cnibin' not allowed"),
        ('links=["bridge", "bridge"]', "items at 0 and 1 are equal"),
        ('links=["../bridge"]', "does not match pattern"),
        ('memory="128 Mi"', "does not match pattern"),
        ("cpu=1", "got number, want string"),
        ('uninstall={"waitSeconds": "4m"}', "got string, want integer"),
        ('apiServer={"port": 0}', "minimum: got 0, want 1"),
    ],
)
def test_a_wrong_value_is_refused(value: str, words: str):
    done = helm_run(value)
    assert done.returncode == 1
    assert words in done.stderr


def test_every_value_is_described():
    import json

    import yaml

    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(values) == set(schema["properties"]) - {"global"}


def test_another_namespace_is_refused():
    done = helm_run(namespace="default")
    assert done.returncode == 1
    assert "helm install --namespace kube-system" in done.stderr


def test_a_cluster_that_is_too_old_is_refused():
    done = helm_run(version="1.29.9")
    assert done.returncode == 1
    assert "chart requires kubeVersion: >=1.30.0-0" in done.stderr
