"""README.md, "On a cluster": what is to be typed is there to be applied, and its tables say what the objects say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from multinet.daemon.startup import TAINT
from tests.conftest import ROOT
from tests.deploy import rendering
from tests.deploy.rendering import CHART, OVERLAYS, one, overlay, pod_spec

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## On a cluster\n", 1)[1].split("\n## ", 1)[0]
COMMANDS = re.findall(r"^    (\S.*)$", SECTION, re.MULTILINE)
ON_A_NODE = {"pods", "pods/status", "events", "nodes", "resourceclaims", "resourceslices"}


def table(head: str) -> dict[str, str]:
    """The first two columns of the table that begins so."""
    text = SECTION.split(f"\n|{head} |", 1)[1].split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()[2:]]
    return {row[1]: row[2] for row in rows}


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rules() -> dict[str, list[str]]:
    role = one(overlay("containerd"), "ClusterRole")
    return {resource: rule["verbs"] for rule in role["rules"] for resource in rule["resources"]}


def test_what_is_applied_and_deleted_is_there():
    folders = {argument for command in COMMANDS for argument in re.findall(r" -k (\S+)", command)}
    assert folders == {"deploy/overlays/containerd", "deploy/uninstall"}
    for folder in folders:
        assert rendering.kustomize(ROOT / folder)
    files = {argument for command in COMMANDS for argument in re.findall(r" -f (\S+)", command)}
    assert files == {"crds/network-attachment-definition.yaml"}
    assert all((ROOT / file).exists() for file in files)
    applied = {re.sub(r"^kubectl (\w+) .*", r"\1", command) for command in COMMANDS if " -k " in command}
    assert applied == {"apply", "delete"}


def test_the_command_that_names_the_image_names_it_everywhere(tmp_path: Path):
    deploy = shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (command,) = (command for command in COMMANDS if "kustomize edit" in command)
    env = {"PATH": f"{rendering.PROGRAMS}:/usr/bin:/bin"}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, check=True)
    spec = pod_spec(rendering.kustomize(deploy / "overlays" / "containerd"))
    images = {container["image"] for container in (*spec["initContainers"], *spec["containers"])}
    assert images == {"registry.example.com/multinet:0.1.0"}


def test_the_values_on_helms_command_line_are_taken():
    (command,) = (command for command in COMMANDS if command.startswith("helm install "))
    _, _, name, chart, *options = shlex.split(command)
    argv = [
        rendering.PROGRAMS / "helm",
        "template",
        name,
        chart,
        *options,
        "--kube-version",
        rendering.KUBERNETES,
    ]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "image: registry.example.com/multinet:0.1.0" in done.stdout


def test_the_names_that_are_typed_are_those_of_the_objects():
    daemon_set = one(overlay("containerd"), "DaemonSet")["metadata"]
    job = one(rendering.kustomize(ROOT / "deploy" / "uninstall"), "Job", "multinet-uninstall")["metadata"]
    said = " ".join(COMMANDS)
    assert f"-n {daemon_set['namespace']} rollout status daemonset {daemon_set['name']}" in said
    assert f"-n {job['namespace']} logs job/{job['name']}" in said
    assert f"--register-with-taints={TAINT}=:NoSchedule" in said


def test_every_platform_is_in_the_table_of_nodes():
    assert sorted(words(" ".join(table(" nodes").values()))) == OVERLAYS


def test_the_table_of_values_has_every_value_with_its_default():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    known = dict(leaves(values))
    told: dict[str, str] = {}
    for line in table(" value").items():
        names, defaults = words(line[0]), words(line[1])
        told |= dict.fromkeys(names, "")
        if len(names) == len(defaults):
            told |= dict(zip(names, defaults, strict=True))
    assert set(told) == set(known)
    in_words = {
        "image.tag",
        "updateStrategy",
        "nodeSelector",
        "tolerations",
        "apiServer.host",
        "apiServer.port",
    }
    assert {name: default for name, default in told.items() if name not in in_words} == {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in known.items()
        if name not in in_words
    }


def leaves(values: dict[str, Any]) -> list[tuple[str, Any]]:
    nested = ("image", "apiServer", "uninstall")
    found = []
    for name, value in values.items():
        if name in nested:
            found += [(f"{name}.{key}", one) for key, one in value.items()]
        else:
            found.append((name, value))
    return found


def test_the_table_of_privileges_says_what_the_manifests_say():
    told = table(" | multinet | Multus")
    spec = pod_spec(overlay("containerd"))
    (agent,) = spec["containers"]
    context = agent["securityContext"]
    assert words(told["capabilities"]) == context["capabilities"]["add"]
    assert told["privileged"] == ("yes" if context.get("privileged") else "no")
    assert told["namespaces of the node"] == "network"
    assert words(told["seccomp"]) == [spec["securityContext"]["seccompProfile"]["type"]]
    folders = [volume for volume in spec["volumes"] if "hostPath" in volume]
    assert told["of the node's folders"].startswith(f"{len(folders)}; ")
    assert words(told["priority"]) == [spec["priorityClassName"]]
    given = rules()
    assert told["definitions"] == ", ".join(given.pop("network-attachment-definitions"))
    assert {words(name)[0]: verbs for name, verbs in told.items() if name.startswith("`")} == {
        name: ", ".join(verbs) for name, verbs in given.items()
    }
    assert set(given) == ON_A_NODE
