"""README.md, "On a cluster": every command is typed as it stands, with the real kubectl, kustomize and helm, in front
of a real API server. What controllers would do of it, when no node is there, is said to the API server here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.rendering import PROGRAMS
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, MERGE_PATCH, ControlPlane, Refused
from tests.support.wait import until

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SECTION = (
    (ROOT / "README.md").read_text(encoding="utf-8").split("\n## On a cluster\n", 1)[1].split("\n## ", 1)[0]
)
COMMANDS = re.findall(r"^    (\S.*)$", SECTION, re.MULTILINE)
LOGS = " logs job/"
"""There is no pod that could have written any; e2e/scenarios/test_uninstall.py reads them."""
FLAG = "--register-with-taints="
"""Of the kubelet: tests/docs/test_cluster.py, and every node of `make e2e` is registered with it."""
DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/multinet"
JOBS = "/apis/batch/v1/namespaces/kube-system/jobs"
COMMAND_SECONDS = 120.0


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With nothing in it."""
    with ControlPlane(tmp_path_factory.mktemp("cluster") / "plane") as made:
        yield made


@pytest.fixture
def controllers(plane: ControlPlane) -> Iterator[None]:
    """Without nodes, a DaemonSet is rolled out at once, and here a Job has succeeded at once."""
    end = threading.Event()

    def act() -> None:
        while not end.wait(0.2):
            try:
                generation = plane.ask("GET", DAEMON_SET)["metadata"]["generation"]
                status = {"observedGeneration": generation, "desiredNumberScheduled": 0}
                plane.ask("PATCH", f"{DAEMON_SET}/status", {"status": status}, content_type=MERGE_PATCH)
            except Refused:
                pass  # it is not there
            for job in plane.ask("GET", JOBS)["items"]:
                if not job["status"].get("conditions"):
                    succeed(plane, job["metadata"]["name"])

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    yield
    end.set()
    thread.join(20)
    assert not thread.is_alive()


def succeed(plane: ControlPlane, job: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = [
        {"type": kind, "status": "True", "lastTransitionTime": now}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    status = {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": done}
    plane.ask("PATCH", f"{JOBS}/{job}/status", {"status": status}, content_type=MERGE_PATCH)


def there(plane: ControlPlane, path: str) -> bool:
    try:
        return bool(plane.ask("GET", path))
    except Refused:
        return False


@pytest.mark.usefixtures("controllers")
def test_every_command_is_typed_in_its_order(plane: ControlPlane, tmp_path: Path) -> None:
    for folder in ("deploy", "crds"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "kubeconfig").write_text(plane.kubeconfig(ADMIN).read_text())
    env = {
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
    }

    def typed(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    commands = [one for one in COMMANDS if LOGS not in one and not one.startswith(FLAG)]
    helm = [one for one in commands if one.startswith("helm ")]
    assert [one.split()[1] for one in helm] == ["install", "uninstall"]
    by_kubectl = [one for one in commands if one not in helm]
    assert by_kubectl[0] == "kubectl apply -f crds/network-attachment-definition.yaml"
    for command in by_kubectl:
        typed(command)
        if command == "kubectl apply -k deploy/overlays/containerd":
            template = plane.ask("GET", DAEMON_SET)["spec"]["template"]["spec"]
            assert template["containers"][0]["image"] == "registry.example.com/multinet:0.1.0"
    until(lambda: not there(plane, DAEMON_SET), seconds=20, what="the DaemonSet to be gone")
    assert plane.ask("GET", JOBS)["items"] == []

    kind = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/network-attachment-definitions.k8s.cni.cncf.io"
    assert there(plane, kind)
    typed(helm[0])
    assert "successfully rolled out" in typed("kubectl -n kube-system rollout status daemonset multinet")
    typed(helm[1])
    until(lambda: not there(plane, DAEMON_SET), seconds=20, what="the DaemonSet to be gone")
    assert there(plane, kind)
    assert kubeobjects.events(plane, "kube-system") == []
