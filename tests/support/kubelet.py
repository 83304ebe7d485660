"""The kubelet's PodResources service: a real gRPC server with the messages of
k8s.io/kubelet/pkg/apis/podresources/v1/api.proto, and in it what a test says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

import grpc

from tests.support.messages import NUMBER, TEXT, UNSIGNED, Messages, make

MESSAGES: Messages = {
    "AllocatableResourcesRequest": [],
    "AllocatableResourcesResponse": [
        ("devices", "ContainerDevices", True),
        ("cpu_ids", NUMBER, True),
        ("memory", "ContainerMemory", True),
    ],
    "ListPodResourcesRequest": [],
    "ListPodResourcesResponse": [("pod_resources", "PodResources", True)],
    "GetPodResourcesRequest": [("pod_name", TEXT, False), ("pod_namespace", TEXT, False)],
    "GetPodResourcesResponse": [("pod_resources", "PodResources", False)],
    "PodResources": [
        ("name", TEXT, False),
        ("namespace", TEXT, False),
        ("containers", "ContainerResources", True),
    ],
    "ContainerResources": [
        ("name", TEXT, False),
        ("devices", "ContainerDevices", True),
        ("cpu_ids", NUMBER, True),
        ("memory", "ContainerMemory", True),
        ("dynamic_resources", "DynamicResource", True),
    ],
    "ContainerDevices": [
        ("resource_name", TEXT, False),
        ("device_ids", TEXT, True),
        ("topology", "TopologyInfo", False),
    ],
    "ContainerMemory": [
        ("memory_type", TEXT, False),
        ("size", UNSIGNED, False),
        ("topology", "TopologyInfo", False),
    ],
    "TopologyInfo": [("nodes", "NUMANode", True)],
    "NUMANode": [("ID", NUMBER, False)],
    "DynamicResource": [
        ("", TEXT, False),
        ("claim_name", TEXT, False),
        ("claim_namespace", TEXT, False),
        ("claim_resources", "ClaimResource", True),
    ],
    "ClaimResource": [
        ("cdi_devices", "CDIDevice", True),
        ("driver_name", TEXT, False),
        ("pool_name", TEXT, False),
        ("device_name", TEXT, False),
    ],
    "CDIDevice": [("name", TEXT, False)],
}

Devices = Mapping[str, Mapping[str, Iterable[str]]]
"""container -> resource -> device ids"""


_MADE = make("v1", MESSAGES)


def message(name: str) -> Any:
    """The class of one of ``MESSAGES``."""
    return _MADE[name]


@dataclass
class Kubelet:
    """``with Kubelet(path) as kubelet:`` serves ``path`` from then on."""

    path: Path
    pods: list[Any] = field(default_factory=list)
    """PodResources"""
    registered: list[str] = field(default_factory=list)
    """Resources of which the node has devices."""
    asked: list[str] = field(default_factory=list)
    """The methods that were called."""
    refuse_get: grpc.StatusCode | None = None
    too_often: int = 0
    """How many calls are yet refused since there were too many."""
    damage: bytes = b""
    """What is sent instead of the answer."""
    held: Event = field(default_factory=Event)
    """Cleared: nobody is answered."""

    def give(self, pod: str, containers: Devices) -> None:
        """Devices to the containers of ``namespace/name``, each with a NUMA node and with CPUs and memory."""
        namespace, name = pod.split("/")
        given = message("PodResources")(namespace=namespace, name=name)
        for container, resources in containers.items():
            made = given.containers.add(name=container, cpu_ids=[0, 3, 300])
            made.memory.add(memory_type="memory", size=1 << 40).topology.nodes.add(ID=1)
            made.dynamic_resources.add(claim_name="c").claim_resources.add(driver_name="gpu.example.com")
            for resource, ids in resources.items():
                for device in ids:
                    made.devices.add(resource_name=resource, device_ids=[device]).topology.nodes.add(ID=0)
        self.pods.append(given)

    def __enter__(self) -> Self:
        self.held.set()
        self._threads = ThreadPoolExecutor(max_workers=4)
        self._server = grpc.server(self._threads, options=[("grpc.so_reuseport", 0)])
        methods = {
            "Get": ("GetPodResourcesRequest", self._get),
            "List": ("ListPodResourcesRequest", self._list),
            "GetAllocatableResources": ("AllocatableResourcesRequest", self._allocatable),
        }
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                self._answering(method, answer),
                request_deserializer=message(request).FromString,
                response_serializer=lambda made: self.damage or made.SerializeToString(),
            )
            for method, (request, answer) in methods.items()
        }
        handler = grpc.method_handlers_generic_handler("v1.PodResourcesLister", handlers)
        self._server.add_generic_rpc_handlers((handler,))
        self._server.add_insecure_port(f"unix:{self.path}")
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held.set()
        self._server.stop(grace=None).wait(10)
        self._threads.shutdown()

    def _answering(self, method: str, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answered(request: Any, context: Any) -> Any:
            self.asked.append(method)
            self.held.wait(20)
            if self.too_often:
                self.too_often -= 1
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "rejected by rate limit")
            return answer(request, context)

        return answered

    def _get(self, request: Any, context: Any) -> Any:
        if self.damage:
            return message("GetPodResourcesResponse")()
        if self.refuse_get is not None:
            context.abort(self.refuse_get, "this kubelet won't: Größe 100%")
        for pod in self.pods:
            if (pod.namespace, pod.name) == (request.pod_namespace, request.pod_name):
                return message("GetPodResourcesResponse")(pod_resources=pod)
        context.abort(
            grpc.StatusCode.UNKNOWN, f"pod {request.pod_name} in namespace {request.pod_namespace} not found"
        )

    def _list(self, request: Any, context: Any) -> Any:
        return message("ListPodResourcesResponse")(pod_resources=self.pods)

    def _allocatable(self, request: Any, context: Any) -> Any:
        made = message("AllocatableResourcesResponse")(cpu_ids=[0, 1])
        for resource in self.registered:
            made.devices.add(resource_name=resource, device_ids=["a"])
        return made
