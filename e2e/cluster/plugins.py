"""Who has devices, and tells a node's kubelet: real gRPC servers on sockets that it knows, with devices that nobody
has built.

device_plugin   with the messages of k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto
dra_plugin      with those of dra/v1 and pluginregistration/v1 beside it; its devices are told by ResourceSlices
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Final

import grpc

from tests.support.messages import NUMBER, TEXT, Messages, make

DEVICE_PLUGINS: Final = "/var/lib/kubelet/device-plugins"
"""Of a node: each device plugin's socket, and the kubelet's own."""
KUBELET: Final = "kubelet.sock"
REGISTRY: Final = "/var/lib/kubelet/plugins_registry"
"""Of a node: the kubelet calls whoever has a socket here."""

DEVICE_MESSAGES: Messages = {
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
_DEVICE = make("v1beta1", DEVICE_MESSAGES)

CLAIM_MESSAGES: Messages = {
    "InfoRequest": [],
    "PluginInfo": [
        ("type", TEXT, False),
        ("name", TEXT, False),
        ("endpoint", TEXT, False),
        ("supported_versions", TEXT, True),
    ],
    "RegistrationStatus": [("plugin_registered", NUMBER, False), ("error", TEXT, False)],
    "RegistrationStatusResponse": [],
    "Claims": [("claims", "Claim", True)],
    "Claim": [("namespace", TEXT, False), ("uid", TEXT, False), ("name", TEXT, False)],
    "Answers": [("claims", "Answer", True)],
    "Answer": [("key", TEXT, False), ("value", "Prepared", False)],
    "Prepared": [("devices", "Device", True)],
    "Device": [("request_names", TEXT, True), ("pool_name", TEXT, False), ("device_name", TEXT, False)],
}
_CLAIM = make("dra", CLAIM_MESSAGES)

SECONDS = 20.0

Given = Callable[[str, str], Sequence[Mapping[str, str]]]
"""A claim's namespace and name -> what was allocated for it, as its status has it."""


@contextmanager
def device_plugin(*, folder: Path, resource: str, devices: Sequence[str], variable: str) -> Iterator[None]:
    """It offers the devices. ``folder``: the node's ``DEVICE_PLUGINS``, from here.

    A container that gets some has their ids, with commas between, in the variable ``variable``.
    """
    ended = Event()

    def list_and_watch(request: Any, context: Any) -> Iterator[Any]:
        told = [{"ID": one, "health": "Healthy"} for one in devices]
        yield _DEVICE["ListAndWatchResponse"](devices=told)
        ended.wait()

    def allocate(request: Any, context: Any) -> Any:
        answers = [
            {"envs": [{"key": variable, "value": ",".join(sorted(one.devices_ids))}]}
            for one in request.container_requests
        ]
        return _DEVICE["AllocateResponse"](container_responses=answers)

    methods = {
        "GetDevicePluginOptions": _unary(_DEVICE["Empty"], lambda *_: _DEVICE["DevicePluginOptions"]()),
        "ListAndWatch": grpc.unary_stream_rpc_method_handler(list_and_watch, **_coding(_DEVICE["Empty"])),
        "Allocate": _unary(_DEVICE["AllocateRequest"], allocate),
    }
    endpoint = f"{resource.replace('/', '-')}.sock"
    asked = _DEVICE["RegisterRequest"](version="v1beta1", endpoint=endpoint, resource_name=resource)
    with _served(folder / endpoint, {"v1beta1.DevicePlugin": methods}):
        try:
            with grpc.insecure_channel(f"unix:{folder / KUBELET}") as channel:
                register = channel.unary_unary(
                    "/v1beta1.Registration/Register",
                    request_serializer=_DEVICE["RegisterRequest"].SerializeToString,
                    response_deserializer=_DEVICE["Empty"].FromString,
                )
                register(asked, timeout=SECONDS, wait_for_ready=True)
            yield
        finally:
            ended.set()


@contextmanager
def dra_plugin(*, folder: Path, driver: str, given: Given) -> Iterator[list[str]]:
    """It prepares claims, which is nothing to do. ``folder``: the node's ``REGISTRY``, from here. The list is of
    the claims that are prepared, ``namespace/name``.
    """
    registered, prepared = Event(), list[str]()
    endpoint = f"{driver}.sock"
    info = _CLAIM["PluginInfo"](
        type="DRAPlugin", name=driver, endpoint=f"{REGISTRY}/{endpoint}", supported_versions=["v1.DRAPlugin"]
    )

    def notify(status: Any, context: Any) -> Any:
        if status.plugin_registered:
            registered.set()
        return _CLAIM["RegistrationStatusResponse"]()

    def prepare(request: Any, context: Any) -> Any:
        answers = []
        for claim in request.claims:
            devices = [
                {
                    "request_names": [one["request"]],
                    "pool_name": one["pool"],
                    "device_name": one["device"],
                }
                for one in given(claim.namespace, claim.name)
                if one["driver"] == driver
            ]
            answers.append({"key": claim.uid, "value": {"devices": devices}})
            prepared.append(f"{claim.namespace}/{claim.name}")
        return _CLAIM["Answers"](claims=answers)

    def unprepare(request: Any, context: Any) -> Any:
        for claim in request.claims:
            prepared[:] = [one for one in prepared if one != f"{claim.namespace}/{claim.name}"]
        return _CLAIM["Answers"](claims=[{"key": claim.uid, "value": {}} for claim in request.claims])

    services = {
        "pluginregistration.Registration": {
            "GetInfo": _unary(_CLAIM["InfoRequest"], lambda *_: info),
            "NotifyRegistrationStatus": _unary(_CLAIM["RegistrationStatus"], notify),
        },
        "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin": {
            "NodePrepareResources": _unary(_CLAIM["Claims"], prepare),
            "NodeUnprepareResources": _unary(_CLAIM["Claims"], unprepare),
        },
    }
    with _served(folder / endpoint, services):
        assert registered.wait(SECONDS), "the kubelet has not registered it"
        yield prepared


@contextmanager
def _served(socket: Path, services: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    with ThreadPoolExecutor(max_workers=4) as threads:
        server = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(
            tuple(grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())
        )
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        try:
            yield
        finally:
            server.stop(grace=None).wait(SECONDS)
            socket.unlink(missing_ok=True)


def _unary(request: Any, answer: Callable[[Any, Any], Any]) -> Any:
    return grpc.unary_unary_rpc_method_handler(answer, **_coding(request))


def _coding(request: Any) -> dict[str, Any]:
    return {
        "request_deserializer": request.FromString,
        "response_serializer": lambda made: made.SerializeToString(),
    }
