"""Many pods at once: namespaces, objects at the API server, and a runtime that calls for them in waves."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from tests.support import kubeobjects
from tests.support.caller import Shim
from tests.support.controlplane import ControlPlane
from tests.support.netns import FOLDER
from tests.support.node import NETWORKS, STATUS, AgentNode, Said, Sandbox

CLONE_NEWNET, MS_BIND, MNT_DETACH = 0x40000000, 0x1000, 2
WAVE = 64
"""Shims at once. More would only wait for a processor, of which a test machine has two."""

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def namespaces(prefix: str, count: int) -> Iterator[list[str]]:
    """Paths of so many network namespaces. Without a program for each, as `ip netns` would be."""
    paths = [str(FOLDER / f"{prefix}-{os.getpid()}-{number}") for number in range(count)]
    made: list[str] = []
    try:
        for path in paths:
            _in_a_thread(lambda path=path: _hold(path))  # type: ignore[misc]
            made.append(path)
        yield paths
    finally:
        for path in made:
            _call("umount2", os.fsencode(path), MNT_DETACH)
            os.unlink(path)


def _hold(path: str) -> None:
    """Only a thread that ends may leave its namespace: the process must not move."""
    with open(path, "x"):
        pass
    _call("unshare", CLONE_NEWNET)
    _call("mount", b"/proc/thread-self/ns/net", os.fsencode(path), None, MS_BIND, None)


def _in_a_thread(do: Callable[[], None]) -> None:
    failures: list[OSError] = []

    def run() -> None:
        try:
            do()
        except OSError as error:
            failures.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    node: AgentNode
    plane: ControlPlane
    namespace: str
    sandboxes: Sequence[Sandbox]

    def all(self, verb: str) -> list[Said]:
        """That verb for everybody, a wave at a time."""
        said = []
        for first in range(0, len(self.sandboxes), WAVE):
            said += self.node.at_once(verb, self.sandboxes[first : first + WAVE])
        return said

    def statuses(self) -> dict[str, list[tuple[str, str, list[str]]]]:
        """What the API server knows: pod -> network, interface, addresses of each of its networks."""
        pods = self.plane.ask("GET", f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return {
            pod["metadata"]["name"]: [
                (entry["name"], entry["interface"], entry["ips"])
                for entry in json.loads(pod["metadata"]["annotations"].get(STATUS, "[]"))
            ]
            for pod in pods
        }


def gather(
    node: AgentNode, plane: ControlPlane, namespace: str, paths: Sequence[str], networks: str
) -> Crowd:
    """A pod for each of the namespaces, with those further networks."""
    pods = [
        kubeobjects.pod(plane, namespace, f"crowd-{number}", {NETWORKS: networks} if networks else {})
        for number in range(len(paths))
    ]
    sandboxes = [
        Sandbox(id=f"crowd-{number}", netns=path, pod=pod)
        for number, (path, pod) in enumerate(zip(paths, pods, strict=True))
    ]
    return Crowd(node=node, plane=plane, namespace=namespace, sandboxes=sandboxes)


def ask(node: AgentNode, verb: str, one: Sandbox) -> tuple[int, bytes]:
    """As the shim does, without the start of a process: exit status and stdout."""
    env = node.environment(verb, one)
    with open(node.host.path) as host, open(one.netns) as container, Shim(node.socket, seconds=60) as shim:
        shim.call(
            env.pop("CNI_COMMAND"),
            env.pop("CNI_CONTAINERID"),
            netns=env.pop("CNI_NETNS"),
            stdin=node.conf(one),
            fds=(host.fileno(), container.fileno()),
            **env,
        )
        return shim.answer()
