"""Pods with several networks, through the whole meta plugin: definitions and pod from a folder, journal, status."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contenders import Cost, Failed, configuration, environment

from multinet.__main__ import serve

MOST_NETWORKS = 8
POD = "measured"


class Pods:
    """Containers of one pod, whose first network is the cluster's and whose others its annotation names."""

    def __init__(self, folder: Path, networks: int) -> None:
        self._folder = folder / f"pod-of-{networks}"
        objects = self._folder / "objects"
        objects.mkdir(parents=True)
        for number in range(networks):
            document = definition(number, self._folder / "state")
            (objects / f"net{number}.yaml").write_text(json.dumps(document))
        asked = ",".join(f"kube-system/net{number}" for number in range(1, networks))
        annotations = {"k8s.v1.cni.cncf.io/networks": asked} if asked else {}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "annotations": annotations}}
        (objects / "pod.yaml").write_text(json.dumps(pod))
        self._conf = json.dumps(
            {
                "cniVersion": "1.1.0",
                "name": "cluster",
                "type": "multinet",
                "clusterNetwork": "net0",
                "folder": str(objects),
                "stateDir": str(self._folder / "journal"),
                "confDir": str(self._folder / "net.d"),
                "deviceInfoDir": str(self._folder / "devices"),
                "allowedPaths": [str(self._folder)],
                "logLevel": "error",
            }
        ).encode()

    def add(self, container: str, netns: str) -> Cost:
        return self._serve("ADD", container, netns)

    def delete(self, container: str, netns: str) -> Cost:
        return self._serve("DEL", container, netns)

    def _serve(self, command: str, container: str, netns: str) -> Cost:
        args = f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={POD}"
        env = {**environment(command, container, netns, self._folder), "CNI_ARGS": args}
        cpu, wall = time.process_time_ns(), time.monotonic_ns()
        answer = serve(env, self._conf)
        cost = Cost(cpu=time.process_time_ns() - cpu, wall=time.monotonic_ns() - wall)
        if answer.exit_code:
            raise Failed(f"{command} by multinet: {answer.stdout.decode()}")
        return cost


def definition(number: int, state: Path) -> Mapping[str, Any]:
    """Network 0 is the pod's way out, the others are bridges beside it."""
    conf = json.loads(configuration(f"net{number}", f"10.{100 + number}.0.0/16", state))
    if number:
        del conf["isDefaultGateway"]
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"namespace": "kube-system", "name": f"net{number}"},
        "spec": {"config": json.dumps(conf)},
    }
