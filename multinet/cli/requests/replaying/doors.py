"""The doors of a request that answer as they did: what ``multinet.daemon.recording`` noted, told again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from multinet import errors
from multinet.cni.netconf import NetConfList
from multinet.delegate.executable import not_found
from multinet.errors import InvalidConfig, MultinetError
from multinet.npwg.confdir import ConfDir
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from multinet.resolve.devices import Allocated

Told = Mapping[str, Any]
"""A recording, or a part of one."""


class ToldCluster:
    """``verbs.node.Cluster``."""

    def __init__(self, recording: Told) -> None:
        self._recording = recording

    def pod(self, namespace: str, name: str, uid: str) -> Pod:
        told = again(self._recording["pod"]) or {}
        return Pod(
            namespace=namespace,
            name=name,
            uid=told.get("uid", uid),
            annotations=told.get("annotations", {}),
        )

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        told = again(self._recording["definitions"].get(f"{namespace}/{name}"))
        if told is None:
            return None
        return NetworkAttachmentDefinition(
            namespace=namespace, name=name, config=told["config"], resource_name=told["resourceName"]
        )

    def devices(self, pod: Pod) -> Allocated:
        told: Allocated = again(self._recording["devices"]) or {}
        return told

    def publish(self, pod: Pod, status: Sequence[NetworkStatus]) -> None:
        again(self._recording["published"])


class ToldConfigurations:
    """``resolve.defaults.Configurations``."""

    def __init__(self, recording: Told) -> None:
        self._recording = recording

    @property
    def folder(self) -> ConfDir:
        return {path: content.encode() for path, content in self._recording["files"].items()}

    def at(self, path: str) -> NetConfList:
        told = again(self._recording["named"].get(path))
        if told is None:
            raise not_recorded(f"the configuration at {path}")
        return NetConfList.of(told)

    def primary(self) -> NetConfList:
        told = again(self._recording["primary"])
        if told is None:
            raise not_recorded("the cluster's own network")
        return NetConfList.of(told)


class ToldPrograms:
    """``delegate.executable.Runner``: no program runs. ``made`` hears of each answer, by verb and interface, since
    what the program made must be there for those that come after it.
    """

    def __init__(self, recording: Told, made: Callable[[str, str, Any], None]) -> None:
        self._left = list(recording["programs"])
        self._made = made

    def find(self, type_: str, path: Sequence[str]) -> Path:
        for told in self._left:
            if told["type"] == type_ and "verb" not in told:
                again(told.get("error"))
                return Path(told["file"])
        raise not_found(type_, ["the recording"])

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        asked = (type_, env["CNI_COMMAND"], env.get("CNI_IFNAME", ""))
        for told in self._left:
            if "verb" in told and (told["type"], told["verb"], told["ifname"]) == asked:
                self._left.remove(told)
                again(told.get("error"))
                if told["status"] == 0:
                    self._made(told["verb"], told["ifname"], told["stdout"])
                return subprocess.CompletedProcess(
                    [str(file)], told["status"], text_of(told["stdout"]), text_of(told["stderr"])
                )
        raise not_recorded(f"an answer of {type_} to {asked[1]}")


def again(told: Any) -> Any:
    """What was told, or the error in its place, raised as it was."""
    if not isinstance(told, Mapping) or "raised" not in told:
        return told
    raised = told["raised"]
    found = getattr(errors, str(raised["class"]), None)
    known = (
        found if isinstance(found, type) and issubclass(found, MultinetError) else _of_code(raised["code"])
    )
    try:
        error = known(raised["message"], hint=raised["hint"], details=raised["details"])
    except TypeError:  # it takes more than a sentence
        error = MultinetError(raised["message"], hint=raised["hint"], details=raised["details"])
    raise error


def _of_code(code: int) -> type[MultinetError]:
    """Of another room's error: ours of the same code."""
    mine = (one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, MultinetError))
    return next((one for one in mine if one.code == code), MultinetError)


def not_recorded(what: str) -> InvalidConfig:
    return InvalidConfig(
        f"{what} is not in the recording: the replay goes another way than the request did",
        hint="replay it with the release of multinet that recorded it",
    )


def text_of(told: Any) -> bytes:
    return told.encode() if isinstance(told, str) else json.dumps(told).encode()
