"""multinet on a cluster, put there as its users put it there: by the manifests of `deploy/` and an image."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.cluster.driver import Driver, run
from e2e.cluster.pods import ready
from tests.support import tree
from tests.support.places import path_of
from tests.support.wait import until

KUSTOMIZE: Final = tree.ROOT / ".cache" / "cluster" / "kustomize"
CRD: Final = tree.ROOT / "crds" / "network-attachment-definition.yaml"
DEPLOYED: Final = tree.ROOT / "deploy" / "overlays" / "containerd"
UNINSTALL: Final = tree.ROOT / "deploy" / "uninstall"

NAMESPACE: Final = "kube-system"
NAME: Final = "multinet"
SELECTOR: Final = f"app.kubernetes.io/name={NAME}"
PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
TAINT: Final = {"key": "multinet.dev/not-ready", "effect": "NoSchedule"}
"""A node that is made with it takes no pods before multinet can serve them."""
PROCESS: Final = "python3 -m multinet.daemon --config"
"""Not its probes, which are programs of their own."""
TAKEN_OVER: Final = '"settings taken over"'
"""What the agent logs."""

UNINSTALL_JOB: Final = path_of("batch/v1", "Job", "multinet-uninstall", NAMESPACE)

PLACES: Final = ("/etc/cni/net.d", "/opt/cni/bin", "/var/lib/cni/multinet", "/run/multinet")

FILES: Final = "-type f -exec sha256sum {} + -o -type l -print -o -type s -print"

READY_SECONDS = 120.0
LEFT_SECONDS = 240.0
"""For the nodes to be left, and to be served again: both go through the kubelet's and a DaemonSet's own pace."""
SETTINGS_SECONDS = 120.0
"""For the kubelet to write the ConfigMap into the agent's container."""


class Multinet:
    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.files_before: Mapping[str, Sequence[str]] = {}

    def install(self, image: Path) -> None:
        """Return when every node takes pods and multinet serves them."""
        self.files_before = {node: self.files(node) for node in self.driver.nodes}
        self.driver.load(image)
        self.driver.api.apply(*yaml.safe_load_all(CRD.read_text()))
        path = path_of(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "network-attachment-definitions.k8s.cni.cncf.io",
        )
        until(
            lambda: any(
                one["type"] == "Established" and one["status"] == "True"
                for one in self.driver.api.ask("GET", path).get("status", {}).get("conditions") or []
            ),
            seconds=READY_SECONDS,
            what="the kind NetworkAttachmentDefinition to be served",
        )
        self.apply()
        self.wait_ready()

    def apply(self, *, image: str = "") -> None:
        """The manifests, all pods of them with that image. What that changes is not waited for."""
        objects = manifests(DEPLOYED)
        (agents,) = (one for one in objects if one["kind"] == "DaemonSet")
        spec = agents["spec"]["template"]["spec"]
        for container in (*spec["initContainers"], *spec["containers"]):
            container["image"] = image or container["image"]
        self.driver.api.apply(*objects)

    def remove(self) -> None:
        """What was applied. Return when no agent is left; the kind and its definitions stay."""
        self.driver.api.remove(*manifests(DEPLOYED))
        until(lambda: not self.there(), seconds=READY_SECONDS, what="the agents to be gone")

    def leave(self) -> None:
        """As the documentation says it is uninstalled; no pod may have a network of ours. Nothing of it is left."""
        objects = manifests(UNINSTALL)
        api = self.driver.api
        api.apply(*objects)
        until(
            lambda: api.ask("GET", UNINSTALL_JOB)["status"].get("succeeded"),
            seconds=LEFT_SECONDS,
            what="the nodes to be left",
        )
        self.remove()
        api.remove(*objects)
        until(lambda: api.get(UNINSTALL_JOB) is None, seconds=LEFT_SECONDS, what="the Job to be gone")

    def come_back(self) -> None:
        """Where it was left. Return when every node is served again."""
        self.apply()
        until(self.rolled_out, seconds=LEFT_SECONDS, what="multinet to be back")
        self.wait_ready()

    def files(self, node: str) -> Sequence[str]:
        """What the runtime reads and executes there, and what multinet keeps, each with its digest."""
        find = f"for place in {' '.join(PLACES)}; do test ! -e $place || find $place {FILES}; done"
        return sorted(self.driver.shell(node, "sh", "-c", find).stdout.splitlines())

    def rolled_out(self) -> bool:
        """Is what was applied last on every node, and ready?"""
        agents = self.driver.api.ask("GET", path_of("apps/v1", "DaemonSet", NAME, NAMESPACE))
        status, wanted = agents["status"], agents["status"]["desiredNumberScheduled"]
        return (
            status.get("observedGeneration") == agents["metadata"]["generation"]
            and status.get("updatedNumberScheduled") == wanted
            and status.get("numberReady") == wanted
        )

    def wait_ready(self) -> None:
        try:
            until(self._all_ready, seconds=READY_SECONDS, what="the agent of every node to be ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self._words()}") from None

    def _words(self) -> str:
        """How the containers of each agent are, and the last words of those that have ended."""
        return "; ".join(
            f"{one['name']} on {pod['spec'].get('nodeName')}: {one['state']}, before: {one.get('lastState')}"
            for pod in self._agents()
            for kind in ("initContainerStatuses", "containerStatuses")
            for one in pod["status"].get(kind, [])
        )

    def _all_ready(self) -> bool:
        serving = {pod["spec"]["nodeName"] for pod in self._agents() if ready(pod)}
        tainted = {
            node["metadata"]["name"]
            for node in self.driver.api.items("/api/v1/nodes")
            if node["spec"].get("taints")
        }
        return serving >= set(self.driver.nodes) and not tainted & set(self.driver.nodes)

    def _agents(self) -> list[dict[str, Any]]:
        return [
            pod
            for pod in self.driver.api.items(PODS, labelSelector=SELECTOR)
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def there(self) -> bool:
        """Is an agent anywhere, also one that is ending?"""
        return bool(self.driver.api.items(PODS, labelSelector=SELECTOR))

    def agent(self, node: str) -> dict[str, Any]:
        """Its pod on that node."""
        (found,) = (pod for pod in self._agents() if pod["spec"].get("nodeName") == node)
        return found

    def running(self, node: str) -> bool:
        """Is an agent there, ready or not?"""
        return any(
            pod["spec"].get("nodeName") == node
            and any("running" in one["state"] for one in pod["status"].get("containerStatuses", []))
            for pod in self._agents()
        )

    def logs(self, node: str) -> str:
        return self.driver.api.logs(NAMESPACE, self.agent(node)["metadata"]["name"], "agent")

    def probe(self, node: str, which: str) -> tuple[int, str]:
        """What the kubelet's probe ends with, and what it says."""
        argv = ("python3", "-m", "multinet.daemon.probe", which)
        return self.driver.api.exec(NAMESPACE, self.agent(node)["metadata"]["name"], *argv, container="agent")

    def restarts(self, node: str) -> int:
        return int(self.agent(node)["status"]["containerStatuses"][0]["restartCount"])

    def kill(self, node: str) -> None:
        """The process, with SIGKILL; the kubelet starts it again."""
        self.driver.shell(node, "pkill", "-KILL", "-f", PROCESS)

    def settings(self, settings: Mapping[str, Any]) -> None:
        """Into the ConfigMap, over those of the manifests. Return when every node's agent has read them."""
        (shipped,) = (one for one in manifests(DEPLOYED) if one["kind"] == "ConfigMap")
        text = yaml.safe_dump({**yaml.safe_load(shipped["data"]["config.yaml"]), **settings})
        self.driver.api.apply({**shipped, "data": {"config.yaml": text}})
        before = {node: self.logs(node).count(TAKEN_OVER) for node in self.driver.nodes}
        for node, times in before.items():
            path = f"{PODS}/{self.agent(node)['metadata']['name']}"
            # The kubelet looks at once at a pod that has changed.
            self.driver.api.patch(path, {"metadata": {"annotations": {"e2e/settings": str(time.time_ns())}}})
            until(
                lambda node=node, times=times: self.logs(node).count(TAKEN_OVER) > times,
                seconds=SETTINGS_SECONDS,
                what=f"the settings to reach {node}",
            )


def manifests(folder: Path) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would apply."""
    return list(yaml.safe_load_all(run([KUSTOMIZE, "build", folder]).stdout))
