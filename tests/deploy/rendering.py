"""What users apply, as kustomize and helm make it of this checkout."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.support import tree

PROGRAMS = tree.ROOT / ".cache" / "cluster"
DEPLOY = tree.ROOT / "deploy"
CHART = DEPLOY / "helm" / "multinet"
OVERLAYS = sorted(folder.name for folder in (DEPLOY / "overlays").iterdir())
KUBERNETES = "1.36.1"
"""helm takes the version that it was built with, or is told."""

Object = dict[str, Any]


def kustomize(folder: Path) -> list[Object]:
    return _objects(_run("kustomize", "build", str(folder)))


def overlay(name: str, components: Sequence[str] = ()) -> list[Object]:
    """``components``: with these added to it, as in an overlay of a user's own."""
    if not components:
        return kustomize(DEPLOY / "overlays" / name)
    with TemporaryDirectory() as own:
        shutil.copytree(DEPLOY, Path(own) / "deploy")
        made = Path(own) / "deploy" / "overlays" / "own"
        made.mkdir()
        content = {
            "resources": [f"../{name}"],
            "components": [f"../../components/{component}" for component in components],
        }
        (made / "kustomization.yaml").write_text(yaml.safe_dump(content))
        return kustomize(made)


def helm(
    *values: str, namespace: str = "kube-system", version: str = KUBERNETES, chart: Path = CHART
) -> list[Object]:
    """``values``: as --set-json takes them."""
    done = helm_run(*values, namespace=namespace, version=version, chart=chart)
    assert done.returncode == 0, done.stderr
    return _objects(done.stdout)


def helm_run(
    *values: str, namespace: str = "kube-system", version: str = KUBERNETES, chart: Path = CHART
) -> subprocess.CompletedProcess[str]:
    told = [word for value in values for word in ("--set-json", value)]
    command = ["template", "multinet", str(chart), "--namespace", namespace, "--kube-version", version]
    return _call("helm", *command, *told)


def lint(*values: str) -> subprocess.CompletedProcess[str]:
    told = [word for value in values for word in ("--set-json", value)]
    return _call("helm", "lint", "--strict", str(CHART), "--namespace", "kube-system", *told)


def package(into: Path) -> Path:
    _run("helm", "package", str(CHART), "--destination", str(into))
    (archive,) = into.glob("*.tgz")
    return archive


def one(objects: Sequence[Object], kind: str, name: str = "multinet") -> Object:
    (found,) = (one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def pod_spec(objects: Sequence[Object]) -> Object:
    spec: Object = one(objects, "DaemonSet")["spec"]["template"]["spec"]
    return spec


def settings(objects: Sequence[Object]) -> Object:
    content: Object = yaml.safe_load(one(objects, "ConfigMap")["data"]["config.yaml"])
    return content


def meant(objects: Sequence[Object]) -> dict[tuple[str, str], Object]:
    """By kind and name, with what says the same said the same way: lists by name, and settings as they are read."""
    found = {}
    for given in objects:
        made = copy.deepcopy(given)
        if made["kind"] == "ConfigMap":
            made["data"] = {name: yaml.safe_load(text) for name, text in made["data"].items()}
        if made["kind"] == "DaemonSet":
            spec = made["spec"]["template"]["spec"]
            spec["volumes"].sort(key=lambda volume: volume["name"])
            for container in spec["containers"]:
                container["volumeMounts"].sort(key=lambda mount: mount["name"])
        found[made["kind"], made["metadata"]["name"]] = made
    return found


def _objects(text: str) -> list[Object]:
    return [one for one in yaml.safe_load_all(text) if one]


def _run(*argv: str) -> str:
    done = _call(*argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _call(program: str, *argv: str) -> subprocess.CompletedProcess[str]:
    file = PROGRAMS / program
    if not file.exists():
        raise FileNotFoundError(f"{file} is not there: run `make deploy-programs`")
    return subprocess.run([file, *argv], capture_output=True, text=True, timeout=120)
