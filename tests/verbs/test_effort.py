"""What an ADD takes, counted: calls of functions and calls into the kernel are the same on every machine, however
busy, and the time of an ADD goes with them. ``make bench`` measures it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import socket
from types import FrameType
from typing import Any

import pytest

from multinet.cni.request import Request
from multinet.config import Settings
from multinet.delegate.registry import Registry
from multinet.delegate.scene import open_scene
from multinet.folder.configurations import ConfigurationFiles
from multinet.kernel.namespace import Namespace, at_home
from multinet.npwg import status
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from multinet.state.attachments import Attachments
from multinet.state.device_info import DeviceInfoFolder
from multinet.state.multus import WithMultus
from multinet.verbs.add import add
from multinet.verbs.node import Node
from tests.support.netns import Netns
from tests.support.plugins import within

pytestmark = pytest.mark.kernel

PODS = 4
"""The last of them is counted: by then everything is known that is the same for each."""
NETWORKS = 3

MOST_CALLS = 4_000
"""Of functions, for a pod of three networks by bridge and host-local. It takes 3,700; newer Pythons call fewer. Each
costs a third of a microsecond or more. There were 1,000 more before they were counted: for the forty attributes of
each link that is looked at, for addresses read from their texts, for arguments that every network read anew.
"""
MOST_ASKED = 195
"""Of the kernel, about files, sockets and locks. It takes 182, and each lets another thread have the interpreter."""
IN_THE_KERNEL = frozenset({"posix", "fcntl"})
NOT_ASKED = frozenset({"fspath", "_path_normpath"})


@dataclass
class Known:
    """A cluster (``verbs.node.Cluster``) whose definitions are in memory, as an agent has them."""

    definitions: Mapping[str, NetworkAttachmentDefinition]
    told: list[str] = field(default_factory=list)

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        raise AssertionError("the annotations come with the request")

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        return self.definitions.get(f"{namespace}/{name}")

    def devices(self, pod: Pod) -> Mapping[str, Sequence[str] | None]:
        return {}

    def publish(self, pod: Pod, entries: Sequence[NetworkStatus]) -> None:
        self.told.append(status.write(entries))


def definition(number: int, folder: Path) -> NetworkAttachmentDefinition:
    conf = {
        "cniVersion": "1.1.0",
        "type": "bridge",
        "bridge": f"br{number}",
        "isGateway": True,
        "isDefaultGateway": number == 0,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "addresses"),
            "ranges": [[{"subnet": f"10.{90 + number}.0.0/16"}]],
        },
    }
    return NetworkAttachmentDefinition(namespace="kube-system", name=f"net{number}", config=json.dumps(conf))


def request(number: int, sandbox: Netns) -> Request:
    asked = ",".join(f"kube-system/net{network}" for network in range(1, NETWORKS))
    conf = {
        "cniVersion": "1.1.0",
        "name": "multinet",
        "type": "multinet",
        "runtimeConfig": {
            "io.kubernetes.cri.pod-annotations": {"k8s.v1.cni.cncf.io/networks": asked},
        },
    }
    env = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": f"{number:064x}",
        "CNI_NETNS": sandbox.path,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/nonexistent",
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-{number};K8S_POD_UID=u-{number}",
    }
    return Request.parse(env, json.dumps(conf).encode())


def counted(effort: Counter[str], frame: FrameType, event: str, what: Any) -> None:
    """For ``sys.setprofile``: it is told of each call."""
    if event not in ("call", "c_call"):
        return
    effort["calls"] += 1
    if event == "c_call":
        asks = what.__module__ in IN_THE_KERNEL and what.__name__ not in NOT_ASKED
        if asks or (isinstance(what.__self__, socket) and what.__name__ != "fileno"):
            effort["asked"] += 1
            effort[what.__name__] += 1


def test_an_add_of_three_networks_takes_no_more_than_it_did(host: Netns, netns: Any, tmp_path: Path) -> None:
    cluster = Known({f"kube-system/net{number}": definition(number, tmp_path) for number in range(NETWORKS)})
    settings = Settings(
        cluster_network="net0",
        state_dir=tmp_path / "state",
        conf_dir=tmp_path / "net.d",
        allowed_paths=(str(tmp_path),),
    )
    registry = Registry(path=(), environ={})
    sandboxes = [netns(f"pod{number}") for number in range(PODS)]
    effort: Counter[str] = Counter()

    def serve() -> None:
        with at_home(), Namespace.current() as here:
            node = Node(
                settings=settings,
                records=WithMultus(Attachments(settings.state_dir), tmp_path / "multus"),
                cluster=cluster,
                configurations=ConfigurationFiles(settings.conf_dir),
                device_info=DeviceInfoFolder(tmp_path / "devices"),
                find_delegate=registry.find,
                open_scene=partial(open_scene, host=here),
                boot_id="b",
            )
            for number, sandbox in enumerate(sandboxes):
                if number == PODS - 1:
                    sys.setprofile(partial(counted, effort))
                try:
                    add(request(number, sandbox), node)
                finally:
                    sys.setprofile(None)

    within(host, serve)
    assert [len(json.loads(said)) for said in cluster.told] == [NETWORKS] * PODS
    assert effort["calls"] <= MOST_CALLS, effort
    assert effort["asked"] <= MOST_ASKED, effort
