"""A row of a table handed in at the front door, in a process of its own; what it said and what it changed."""

from __future__ import annotations

import ctypes
import json
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from multinet import steps
from multinet.__main__ import serve as serve_meta
from multinet.delegate.serve import Answer
from multinet.delegate.serve import serve as serve_delegate
from tests.support.netns import Netns

META = "multinet"
CONTAINER = "c0ffee"
CLUSTER_NETWORK = {"cniVersion": "1.1.0", "name": "cluster", "type": "loopback"}

DEFINITIONS: Mapping[str, Any] = {
    "net-a": {"type": "bridge", "bridge": "br-a"},
    "net-b": {"type": "bridge", "bridge": "br-b"},
    "shop/theirs": {"type": "bridge", "bridge": "br-t"},
    "node-made": None,
}
"""What is there for every row: a definition each, by ``[namespace/]name``, or None for one without configuration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where rows are played: two namespaces, and a folder of the row's own."""

    host: Netns
    pod: Netns
    folder: Path

    def told(self, value: Any) -> Any:
        """A row's value with its ``$FOLDER``, ``$POD`` and ``$HOST`` filled in, however deep they are."""
        if isinstance(value, str):
            for word, meant in self._words():
                value = value.replace(word, meant)
            return value
        if isinstance(value, Mapping):
            return {key: self.told(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.told(item) for item in value]
        return value

    def untold(self, text: str) -> str:
        """A message as the table writes it."""
        for word, meant in self._words():
            text = text.replace(meant, word)
        return text

    def _words(self) -> tuple[tuple[str, str], ...]:
        return ("$FOLDER", str(self.folder)), ("$POD", self.pod.path), ("$HOST", self.host.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The answer, and what is different now."""

    stdout: bytes
    exit_code: int
    links: list[str]
    """Names of links in either namespace that were not there before, or were and are gone."""
    files: list[str]
    """Files of the row's folder that were not there before."""
    steps: list[str]


def play(row: Mapping[str, Any], place: Place) -> Seen:
    """Hand the row in, in a forked child that lives in the host's namespace for as long as it takes."""
    write_world(row, place)
    files = files_of(place.folder)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_plugin(row, place, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        report = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert "crash" not in report, report["crash"]
    return Seen(
        stdout=report["stdout"].encode(),
        exit_code=report["exit_code"],
        links=report["links"],
        files=sorted(files_of(place.folder) - files),
        steps=report["steps"],
    )


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def write_world(row: Mapping[str, Any], place: Place) -> None:
    """The cluster's folder and the node's files as the row has them."""
    cluster = place.folder / "cluster"
    cluster.mkdir(parents=True)
    for name, config in {**DEFINITIONS, **place.told(row.get("definitions", {}))}.items():
        (cluster / f"{name.replace('/', '.')}.json").write_text(json.dumps(definition(name, config)))
    annotations = place.told(dict(row.get("annotations", {})))
    if "networks" in row:
        annotations["k8s.v1.cni.cncf.io/networks"] = row["networks"]
    if "default-network" in row:
        annotations["v1.multus-cni.io/default-network"] = row["default-network"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cart", "namespace": "default", "annotations": annotations},
    }
    (cluster / "pod.yaml").write_text(yaml.safe_dump(pod))
    for path, text in place.told(row.get("files", {})).items():
        file = place.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())


def definition(name: str, config: Any) -> dict[str, Any]:
    """``config`` is the text as it stands, or an object whose version is filled in."""
    namespace, _, short = name.rpartition("/")
    if isinstance(config, Mapping):
        config = json.dumps({"cniVersion": "1.1.0", **config})
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": short, "namespace": namespace or "default"},
        "spec": {} if config is None else {"config": config},
    }


def stdin_of(row: Mapping[str, Any], place: Place) -> bytes:
    said = row.get("stdin")
    if isinstance(said, bytes):
        return said
    if isinstance(said, str):
        return place.told(said).encode()
    type_ = row.get("type", META)
    conf: dict[str, Any] = {"cniVersion": "1.1.0", "name": "net", "type": type_}
    if type_ == META:
        conf |= {
            "folder": "$FOLDER/cluster",
            "confDir": "$FOLDER/net.d",
            "stateDir": "$FOLDER/state",
            "deviceInfoDir": "$FOLDER/devices",
            "allowedPaths": ["$FOLDER"],
            "delegates": [CLUSTER_NETWORK],
        }
    conf |= row.get("conf", {})
    return json.dumps(
        {key: member for key, member in place.told(conf).items() if member != "absent"}
    ).encode()


def env_of(row: Mapping[str, Any], place: Place) -> dict[str, str]:
    env: dict[str, str | None] = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": CONTAINER,
        "CNI_NETNS": "$POD",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "$FOLDER/bin",
        "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart" if row.get("type", META) == META else "",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        **row.get("env", {}),
    }
    return {key: place.told(value) for key, value in env.items() if value is not None}


def links_here() -> set[str]:
    """Of the namespace the thread is in."""
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
    return {line.split(":")[0].strip() for line in lines}


def _enter(namespace: Netns) -> None:
    with open(namespace.path) as file:
        assert ctypes.CDLL(None).setns(file.fileno(), 0x40000000) == 0


def _links(place: Place) -> set[str]:
    found = set()
    for namespace in (place.pod, place.host):  # the host's last: that is where the plugin is called
        _enter(namespace)
        found |= {f"{namespace.name}: {name}" for name in links_here()}
    return found


def _be_the_plugin(row: Mapping[str, Any], place: Place, pipe: int) -> None:
    """Never returns: neither pytest's clean-up nor its output belongs to the child."""
    report: dict[str, Any] = {}
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            taken: list[str] = []
            before = _links(place)
            steps.listen(taken.append)
            done = _serve(row, place)
            report = {
                "stdout": done.stdout.decode(),
                "exit_code": done.exit_code,
                "steps": taken,
                "links": sorted(before ^ _links(place)),
            }
    except BaseException:
        report = {"crash": traceback.format_exc()}
    finally:
        with open(pipe, "w") as out:
            json.dump(report, out)
        os._exit(0)


def _serve(row: Mapping[str, Any], place: Place) -> Answer:
    env, stdin = env_of(row, place), stdin_of(row, place)
    type_ = row.get("type", META)
    return serve_meta(env, stdin) if type_ == META else serve_delegate(type_, env, stdin)
