"""The kubelet's side of CRI, ``runtime.v1`` (k8s.io/cri-api/pkg/apis/runtime/v1/api.proto): as much of it as pods
and a container need. Messages are written and read as JSON, with the names of the fields in the proto file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SECONDS: Final = 60.0
"""For one call; a kubelet gives RunPodSandbox four minutes."""

TYPES: Final = {"int64": 3, "uint64": 4, "int32": 5, "bool": 8, "string": 9, "bytes": 12, "uint32": 13}
"""Of fields in a descriptor."""
MESSAGE, MAP = 11, "map"
ONE, MANY = 1, 3
"""Labels of fields in a descriptor."""

# message -> number, type and name of its fields. An enum is an int32 on the wire.
MESSAGES: Final[Mapping[str, str]] = {
    "RunPodSandboxRequest": "1 PodSandboxConfig config",
    "RunPodSandboxResponse": "1 string pod_sandbox_id",
    "StopPodSandboxRequest": "1 string pod_sandbox_id",
    "StopPodSandboxResponse": "",
    "RemovePodSandboxRequest": "1 string pod_sandbox_id",
    "RemovePodSandboxResponse": "",
    "PodSandboxStatusRequest": "1 string pod_sandbox_id, 2 bool verbose",
    "PodSandboxStatusResponse": "1 PodSandboxStatus status, 2 map info",
    "StatusRequest": "1 bool verbose",
    "StatusResponse": "1 RuntimeStatus status, 2 map info",
    "ImageStatusRequest": "1 ImageSpec image",
    "ImageStatusResponse": "1 Image image",
    "PodSandboxConfig": "1 PodSandboxMetadata metadata, 2 string hostname, 3 string log_directory,"
    " 4 DNSConfig dns_config, 5 PortMapping* port_mappings, 6 map labels, 7 map annotations,"
    " 8 LinuxPodSandboxConfig linux",
    "PodSandboxMetadata": "1 string name, 2 string uid, 3 string namespace, 4 uint32 attempt",
    "PortMapping": "1 int32 protocol, 2 int32 container_port, 3 int32 host_port, 4 string host_ip",
    "DNSConfig": "1 string* servers, 2 string* searches, 3 string* options",
    "LinuxPodSandboxConfig": "1 string cgroup_parent, 2 LinuxSandboxSecurityContext security_context",
    "LinuxSandboxSecurityContext": "1 NamespaceOption namespace_options",
    "NamespaceOption": "1 int32 network, 2 int32 pid, 3 int32 ipc",
    "PodSandboxStatus": "1 string id, 2 PodSandboxMetadata metadata, 3 int32 state,"
    " 5 PodSandboxNetworkStatus network",
    "PodSandboxNetworkStatus": "1 string ip, 2 PodIP* additional_ips",
    "PodIP": "1 string ip",
    "RuntimeStatus": "1 RuntimeCondition* conditions",
    "RuntimeCondition": "1 string type, 2 bool status, 3 string reason, 4 string message",
    "ImageSpec": "1 string image",
    "Image": "1 string id, 2 string* repo_tags",
    "CreateContainerRequest": "1 string pod_sandbox_id, 2 ContainerConfig config,"
    " 3 PodSandboxConfig sandbox_config",
    "CreateContainerResponse": "1 string container_id",
    "StartContainerRequest": "1 string container_id",
    "StartContainerResponse": "",
    "StopContainerRequest": "1 string container_id, 2 int64 timeout",
    "StopContainerResponse": "",
    "RemoveContainerRequest": "1 string container_id",
    "RemoveContainerResponse": "",
    "ContainerStatusRequest": "1 string container_id, 2 bool verbose",
    "ContainerStatusResponse": "1 ContainerStatus status, 2 map info",
    "ExecSyncRequest": "1 string container_id, 2 string* cmd, 3 int64 timeout",
    "ExecSyncResponse": "1 bytes stdout, 2 bytes stderr, 3 int32 exit_code",
    "ContainerConfig": "1 ContainerMetadata metadata, 2 ImageSpec image, 3 string* command, 4 string* args,"
    " 6 KeyValue* envs, 7 Mount* mounts, 11 string log_path, 15 LinuxContainerConfig linux",
    "ContainerMetadata": "1 string name, 2 uint32 attempt",
    "KeyValue": "1 string key, 2 string value",
    "Mount": "1 string container_path, 2 string host_path, 3 bool readonly, 5 int32 propagation",
    "LinuxContainerConfig": "1 LinuxContainerResources resources,"
    " 2 LinuxContainerSecurityContext security_context",
    "LinuxContainerResources": "3 int64 cpu_shares, 4 int64 memory_limit_in_bytes",
    "LinuxContainerSecurityContext": "1 Capability capabilities, 2 bool privileged,"
    " 3 NamespaceOption namespace_options, 7 bool readonly_rootfs, 11 bool no_new_privs,"
    " 13 string* masked_paths, 14 string* readonly_paths, 15 SecurityProfile seccomp",
    "Capability": "1 string* add_capabilities, 2 string* drop_capabilities",
    "SecurityProfile": "1 int32 profile_type, 2 string localhost_ref",
    "ContainerStatus": "1 string id, 3 int32 state, 4 int64 created_at, 5 int64 started_at,"
    " 6 int64 finished_at, 7 int32 exit_code, 10 string reason, 11 string message",
}

SERVICES: Final = {"ImageStatus": "ImageService"}
RUNTIME: Final = "RuntimeService"


def _messages() -> Mapping[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="cri.proto", package="runtime.v1", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in filter(None, fields.split(",")):
            number, kind, field_name = field.split()
            _add_field(message, int(number), kind, field_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessages([file], pool=pool)


def _add_field(message: Any, number: int, kind: str, name: str) -> None:
    label = MANY if kind == MAP or kind.endswith("*") else ONE
    kind = kind.removesuffix("*")
    if kind == MAP:  # on the wire it is a list of pairs; of texts, wherever we need one
        kind = "".join(word.capitalize() for word in name.split("_")) + "Entry"
        pair = message.nested_type.add(name=kind)
        pair.options.map_entry = True
        _add_field(pair, 1, "string", "key")
        _add_field(pair, 2, "string", "value")
        kind = f"{message.name}.{kind}"
    if kind in TYPES:
        message.field.add(name=name, number=number, label=label, type=TYPES[kind])
    else:
        message.field.add(
            name=name, number=number, label=label, type=MESSAGE, type_name=f".runtime.v1.{kind}"
        )


_MADE = _messages()


class CriError(Exception):
    """The runtime's answer to a call is an error; the text is what a kubelet puts into its event."""


class Cri:
    """A runtime's socket."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix:{socket}")

    def close(self) -> None:
        self._channel.close()

    def ask(self, method: str, **request: Any) -> dict[str, Any]:
        """``ask("StopPodSandbox", pod_sandbox_id=...)``. Raises CriError."""
        call = self._channel.unary_unary(
            f"/runtime.v1.{SERVICES.get(method, RUNTIME)}/{method}",
            request_serializer=_MADE[f"runtime.v1.{method}Request"].SerializeToString,
            response_deserializer=_MADE[f"runtime.v1.{method}Response"].FromString,
        )
        message = json_format.ParseDict(request, _MADE[f"runtime.v1.{method}Request"]())
        try:
            answer = call(message, timeout=SECONDS)
        except grpc.RpcError as error:
            raise CriError(error.details()) from error
        made: dict[str, Any] = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        return made

    # --- what a kubelet does with a pod's sandbox ---

    def run(self, config: Mapping[str, Any]) -> str:
        """The sandbox's id, when it stands."""
        return str(self.ask("RunPodSandbox", config=config)["pod_sandbox_id"])

    def stop(self, sandbox: str) -> None:
        self.ask("StopPodSandbox", pod_sandbox_id=sandbox)

    def remove(self, sandbox: str) -> None:
        self.ask("RemovePodSandbox", pod_sandbox_id=sandbox)

    def sandbox(self, sandbox: str) -> dict[str, Any]:
        """Its status, and under ``info`` what only this runtime tells."""
        return self.ask("PodSandboxStatus", pod_sandbox_id=sandbox, verbose=True)

    def status(self) -> dict[str, Any]:
        """The runtime's own, as `crictl info` shows it."""
        return self.ask("Status", verbose=True)

    def condition(self, type_: str) -> tuple[bool, str]:
        """Does the runtime say ``NetworkReady``? And why not."""
        for told in self.status()["status"]["conditions"]:
            if told["type"] == type_:
                return told.get("status", False), told.get("message", "")
        raise AssertionError(f"the runtime tells nothing of {type_}")
