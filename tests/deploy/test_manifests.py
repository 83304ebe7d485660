"""What is in deploy/: the real API server takes every object of it, and each says what it is meant to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from multinet import __version__
from multinet.config import Settings
from multinet.daemon.startup import TAINT
from tests.deploy import rendering
from tests.deploy.applying import apply
from tests.deploy.rendering import DEPLOY, OVERLAYS, Object, one, overlay, pod_spec
from tests.support import tree
from tests.support.controlplane import ControlPlane, Refused

FOLDERS = [*(DEPLOY / "overlays" / name for name in OVERLAYS), DEPLOY / "uninstall", tree.ROOT / "crds"]
PATHS_ALSO_ELSEWHERE = {"/host/opt/cni/bin", "/host/proc/sys"}
"""Where the mount is not at the place that it has on the node: no configuration names them by that."""


def containers(spec: Object) -> list[Object]:
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.fixture(params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> list[Object]:
    return overlay(request.param)


@pytest.mark.cluster
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_api_server_takes_every_object_of_it(plane: ControlPlane, folder: Path):
    objects = rendering.kustomize(folder)
    answers = apply(plane, *objects, dry_run=True)
    assert [answer["metadata"]["name"] for answer in answers] == [one["metadata"]["name"] for one in objects]


@pytest.mark.cluster
def test_a_field_that_is_not_known_would_be_an_error(plane: ControlPlane):
    daemon_set = one(overlay("containerd"), "DaemonSet")
    daemon_set["spec"]["template"]["spec"]["toleration"] = []
    with pytest.raises(Refused, match=r"field not declared in schema"):
        apply(plane, daemon_set, dry_run=True)


@pytest.mark.cluster
def test_a_pod_of_it_is_guaranteed_and_critical(plane: ControlPlane, rendered: list[Object]):
    template = one(rendered, "DaemonSet")["spec"]["template"]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "trial", **template["metadata"]},
        "spec": template["spec"],
    }
    path = "/api/v1/namespaces/kube-system/pods?dryRun=All&fieldValidation=Strict"
    pod = plane.ask("POST", path, body)
    assert pod["status"]["qosClass"] == "Guaranteed"
    assert pod["spec"]["priority"] == 2000001000
    assert pod["spec"]["preemptionPolicy"] == "PreemptLowerPriority"


def test_its_privileges_are_these_and_no_others(rendered: list[Object]):
    spec = pod_spec(rendered)
    assert (spec["hostNetwork"], spec.get("hostPID"), spec.get("hostIPC")) == (True, None, None)
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(spec):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert "privileged" not in context
        assert context["capabilities"]["drop"] == ["ALL"]
    install, agent = containers(spec)
    assert "add" not in install["securityContext"]["capabilities"]
    assert agent["securityContext"]["capabilities"]["add"] == ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"]


def test_nothing_of_the_node_is_mounted_that_is_not_needed(rendered: list[Object]):
    places = {volume["hostPath"]["path"] for volume in pod_spec(rendered)["volumes"] if "hostPath" in volume}
    whole = {"/", "/etc", "/opt", "/proc", "/run", "/sys", "/usr", "/var", "/var/lib", "/var/lib/kubelet"}
    assert places & whole == set()
    assert len(places) == 13


@pytest.mark.cluster
def test_the_systems_bus_is_mounted_for_whom_asks_for_firewalld_and_for_nobody_else(plane: ControlPlane):
    asked = overlay("containerd", components=["firewalld"])
    apply(plane, *asked, dry_run=True)
    plain, more = pod_spec(overlay("containerd")), pod_spec(asked)
    bus = {"path": "/var/run/dbus", "type": "DirectoryOrCreate"}
    assert [one for one in more["volumes"] if one not in plain["volumes"]] == [
        {"name": "dbus", "hostPath": bus}
    ]
    mounts = [{"name": "dbus", "mountPath": "/var/run/dbus", "readOnly": True}]
    assert [
        one
        for one in more["containers"][0]["volumeMounts"]
        if one not in plain["containers"][0]["volumeMounts"]
    ] == mounts
    for spec in (plain, more):
        del spec["volumes"]
        del spec["containers"][0]["volumeMounts"]
    assert plain == more


def test_every_volume_is_mounted_and_at_the_place_that_it_has_on_the_node(rendered: list[Object]):
    spec = pod_spec(rendered)
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {
        (mount["name"], mount["mountPath"])
        for container in containers(spec)
        for mount in container["volumeMounts"]
    }
    assert {name for name, _ in mounts} == set(volumes)
    elsewhere = {
        place for name, place in mounts if volumes[name].get("hostPath", {"path": place})["path"] != place
    }
    assert elsewhere - {"/run/netns"} == PATHS_ALSO_ELSEWHERE


def test_every_place_of_its_settings_is_mounted(rendered: list[Object]):
    settings = Settings.parse(rendering.settings(rendered), primary_is_found=True)
    agent = settings.agent
    _, container = containers(pod_spec(rendered))
    mounted = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    written = [
        *(agent.socket, Path(agent.metrics.removeprefix("unix:")), agent.cni_conf_dir, settings.state_dir),
        *(settings.multus_dir, settings.runtime_cache_dir, settings.device_info_dir, agent.sysctl_dir),
    ]
    read = [settings.conf_dir, agent.pod_resources_socket, agent.kubelet_checkpoint]

    def writable(place: Path) -> bool | None:
        over = [mount for mount in mounted if place.is_relative_to(mount)]
        return not mounted[max(over, key=len)] if over else None

    assert {place: writable(place) for place in written} == dict.fromkeys(written, True)
    assert {place: writable(place) for place in read} == dict.fromkeys(read, False)


@pytest.mark.parametrize(
    "objects",
    [
        *(pytest.param(lambda name=name: overlay(name), id=name) for name in OVERLAYS),
        pytest.param(lambda: rendering.helm('paths={"kubelet": "/var/lib/k0s/kubelet"}'), id="another root"),
    ],
)
def test_the_folder_of_device_plugins_is_the_same_whatever_the_kubelets_root(
    objects: Callable[[], list[Object]],
):
    """DevicePluginPath in k8s.io/kubelet is a constant; only the socket of pod resources moves with --root-dir."""
    made = objects()
    (place,) = (
        one["hostPath"]["path"] for one in pod_spec(made)["volumes"] if one["name"] == "device-plugins"
    )
    assert place == "/var/lib/kubelet/device-plugins"
    agent = Settings.parse(rendering.settings(made), primary_is_found=True).agent
    assert agent.kubelet_checkpoint.parent == Path(place)


def test_the_programs_of_the_settings_are_in_the_folder_that_is_installed_to(rendered: list[Object]):
    settings = Settings.parse(rendering.settings(rendered), primary_is_found=True)
    (places,) = (
        volume["hostPath"]["path"] for volume in pod_spec(rendered)["volumes"] if volume["name"] == "cni-bin"
    )
    assert settings.bin_dir == places


def test_the_time_to_stop_is_longer_than_the_agent_takes():
    settings = Settings.parse({}, primary_is_found=True)
    spec = pod_spec(overlay("containerd"))
    assert spec["terminationGracePeriodSeconds"] > settings.agent.grace_seconds + 6


def test_it_runs_on_every_node_also_on_one_that_has_the_startup_taint():
    spec = pod_spec(overlay("containerd"))
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert TAINT in (DEPLOY / "manifests" / "policy.yaml").read_text()


def test_its_probes_wait_longer_than_what_they_run():
    from multinet.daemon import probe

    _, agent = containers(pod_spec(overlay("containerd")))
    for name, path in (("startupProbe", "startz"), ("readinessProbe", "readyz"), ("livenessProbe", "livez")):
        assert agent[name]["exec"]["command"] == ["python3", "-m", "multinet.daemon.probe", path]
        assert agent[name]["timeoutSeconds"] > probe.SECONDS


def test_its_image_is_that_of_this_version():
    objects = [*overlay("containerd"), *rendering.kustomize(DEPLOY / "uninstall")]
    specs = [one["spec"]["template"]["spec"] for one in objects if "template" in one.get("spec", {})]
    assert {container["image"] for spec in specs for container in containers(spec)} == {
        f"multinet:{__version__}"
    }


def test_deleting_what_was_applied_leaves_the_kind():
    assert "CustomResourceDefinition" not in {one["kind"] for one in overlay("containerd")}


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_changes_paths_and_nothing_else(name: str):
    def without_paths(objects: list[Object]) -> Object:
        made = rendering.meant(objects)
        for volume in made["DaemonSet", "multinet"]["spec"]["template"]["spec"]["volumes"]:
            volume.get("hostPath", {}).pop("path", None)
        for container in containers(made["DaemonSet", "multinet"]["spec"]["template"]["spec"]):
            for mount in container["volumeMounts"]:
                del mount["mountPath"]
        text = made["ConfigMap", "multinet"]["data"]["config.yaml"]
        paths = {"binDir", "cniConfDir", "podResourcesSocket", "kubeletCheckpoint"}
        made["ConfigMap", "multinet"]["data"]["config.yaml"] = {
            key: value
            for key, value in {**text, **text["agent"]}.items()
            if key not in paths and key != "agent"
        }
        return made

    assert without_paths(overlay(name)) == without_paths(rendering.kustomize(DEPLOY / "manifests"))
