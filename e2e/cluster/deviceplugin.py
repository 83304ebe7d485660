"""A device plugin: a real gRPC server on a socket that the kubelet of a node is told of, with the messages of
k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto, and devices that nobody has built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Final, Self

import grpc

from tests.support.messages import TEXT, Messages, make

FOLDER: Final = "/var/lib/kubelet/device-plugins"
"""Of a node: each plugin's socket, and the kubelet's own."""
KUBELET: Final = "kubelet.sock"

MESSAGES: Messages = {
    "Empty": [],
    "DevicePluginOptions": [],
    "RegisterRequest": [("version", TEXT, False), ("endpoint", TEXT, False), ("resource_name", TEXT, False)],
    "ListAndWatchResponse": [("devices", "Device", True)],
    "Device": [("ID", TEXT, False), ("health", TEXT, False)],
    "AllocateRequest": [("container_requests", "ContainerAllocateRequest", True)],
    "ContainerAllocateRequest": [("devices_ids", TEXT, True)],
    "AllocateResponse": [("container_responses", "ContainerAllocateResponse", True)],
    "ContainerAllocateResponse": [("envs", "Variable", True)],
    "Variable": [("key", TEXT, False), ("value", TEXT, False)],
}
_MADE = make("v1beta1", MESSAGES)

SECONDS = 20.0


@dataclass(kw_only=True)
class DevicePlugin:
    """``with DevicePlugin(...):`` offers the devices from then on. ``folder``: the node's ``FOLDER``, from here.

    A container that gets some has their ids, with commas between, in the variable ``variable``.
    """

    folder: Path
    resource: str
    devices: Sequence[str]
    variable: str
    _ended: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        endpoint = f"{self.resource.replace('/', '-')}.sock"
        self._socket = self.folder / endpoint
        self._threads = ThreadPoolExecutor(max_workers=4)
        self._server = grpc.server(self._threads, options=[("grpc.so_reuseport", 0)])
        handlers = {
            "GetDevicePluginOptions": grpc.unary_unary_rpc_method_handler(
                lambda request, context: _MADE["DevicePluginOptions"](), **_coding("Empty")
            ),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(self._list_and_watch, **_coding("Empty")),
            "Allocate": grpc.unary_unary_rpc_method_handler(self._allocate, **_coding("AllocateRequest")),
        }
        handler = grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", handlers)
        self._server.add_generic_rpc_handlers((handler,))
        self._server.add_insecure_port(f"unix:{self._socket}")
        self._server.start()
        asked = _MADE["RegisterRequest"](version="v1beta1", endpoint=endpoint, resource_name=self.resource)
        try:
            with grpc.insecure_channel(f"unix:{self.folder / KUBELET}") as channel:
                register = channel.unary_unary(
                    "/v1beta1.Registration/Register",
                    request_serializer=_MADE["RegisterRequest"].SerializeToString,
                    response_deserializer=_MADE["Empty"].FromString,
                )
                register(asked, timeout=SECONDS, wait_for_ready=True)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._ended.set()
        self._server.stop(grace=None).wait(SECONDS)
        self._threads.shutdown()
        self._socket.unlink(missing_ok=True)

    def _list_and_watch(self, request: Any, context: Any) -> Iterator[Any]:
        told = [{"ID": one, "health": "Healthy"} for one in self.devices]
        yield _MADE["ListAndWatchResponse"](devices=told)
        self._ended.wait()

    def _allocate(self, request: Any, context: Any) -> Any:
        answers = [
            {"envs": [{"key": self.variable, "value": ",".join(sorted(one.devices_ids))}]}
            for one in request.container_requests
        ]
        return _MADE["AllocateResponse"](container_responses=answers)


def _coding(request: str) -> dict[str, Any]:
    return {
        "request_deserializer": _MADE[request].FromString,
        "response_serializer": lambda made: made.SerializeToString(),
    }
