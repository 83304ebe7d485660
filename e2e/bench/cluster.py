"""An API server with pods and definitions, an agent, and the two who are compared: each is a list of programs a
pod, executed one after the other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import Any, Protocol

import urllib3
from contenders import Cost, Failed, configuration, environment
from execute import Execution
from world import World

from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.node import NETWORKS, AgentNode, Sandbox
from tests.support.wait import until

NAMESPACE = "measured"
DEFINITIONS = "definitions"
CONNECTIONS = 8
"""At once, to the API server, for making definitions."""
PROCESS_CLOCK = 2
"""CPUCLOCK_SCHED of include/linux/posix-timers.h: with a process's id it makes a clock of its CPU time."""
CALM_SECONDS = 0.03
CALM_SHARE = 0.1
"""Nothing is left to do when the agents and API servers use less than that share of a CPU for so long."""
MOST_CALM_SECONDS = 5
"""What never gets calm is gone on with."""
SYNC_SECONDS = 60
EVENTS_SECONDS = 20


def network(side: str, number: int, data: Path) -> dict[str, Any]:
    """Bridge and host-local. Network 0 is the pod's way out, the others are bridges beside it."""
    second = {"ours": 100, "reference": 150}[side] + number
    conf: dict[str, Any] = json.loads(configuration(f"{side[:3]}{number}", f"10.{second}.0.0/16", data))
    if number:
        del conf["isDefaultGateway"]
    return conf


class Contender(Protocol):
    name: str

    def prepare(self, verb: str, container: Container, networks: int) -> Sequence[Execution]:
        """What is executed for a pod, in order."""

    def elsewhere(self) -> int:
        """Nanoseconds of CPU so far that a process which stays has spent on its behalf."""

    def finish(self, verb: str, pods: int, networks: int) -> None:
        """Wait for what is done on behalf of so many pods when they have their answers already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    id: str
    netns: str
    pod: Mapping[str, Any] = field(default_factory=dict)


class Reference:
    """Its bridge, executed for each network, which executes its host-local."""

    name = "reference"

    def __init__(self, programs: Path, data: Path) -> None:
        self._programs = programs
        self._data = data

    def prepare(self, verb: str, container: Container, networks: int) -> Sequence[Execution]:
        numbers = range(networks) if verb == "ADD" else reversed(range(networks))
        return [self._execution(verb, container, number) for number in numbers]

    def _execution(self, verb: str, container: Container, number: int) -> Execution:
        env = environment(verb, container.id, container.netns, self._programs)
        ifname = f"net{number}" if number else "eth0"
        conf = json.dumps(network("reference", number, self._data)).encode()
        return Execution(self._programs / "bridge", {**env, "CNI_IFNAME": ifname}, conf)

    def elsewhere(self) -> int:
        return 0

    def finish(self, verb: str, pods: int, networks: int) -> None:
        """Nothing: they have ended."""


class Ours:
    """The shim, which asks the agent, which tells the API server."""

    name = "ours"

    def __init__(self, node: AgentNode, plane: ControlPlane) -> None:
        self.node = node
        self._plane = plane
        self._events = 0

    def prepare(self, verb: str, container: Container, networks: int) -> Sequence[Execution]:
        one = Sandbox(id=container.id, netns=container.netns, pod=container.pod)
        return [Execution(self.node.shim, self.node.environment(verb, one), self.node.conf(one))]

    @property
    def pid(self) -> int:
        assert self.node.process is not None
        return self.node.process.pid

    def elsewhere(self) -> int:
        """The agent's; it has no children here, for its delegates are its own."""
        return cpu_of(self.pid)

    def finish(self, verb: str, pods: int, networks: int) -> None:
        """One event for each pod that was given more than the cluster's network, a moment later."""
        if verb == "ADD" and networks > 1:
            self._events += pods
            until(self._told, seconds=EVENTS_SECONDS, what=f"{self._events} events")

    def _told(self) -> bool:
        path = f"/api/v1/namespaces/{NAMESPACE}/events?limit=1"
        page = self._plane.ask("GET", path)
        there: int = len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
        return there >= self._events

    def knows(self, definitions: int) -> None:
        """Wait until the agent knows so many."""
        wanted = f'multinet_cache_objects{{cache="nads"}} {float(definitions)}'

        def known() -> bool:
            return wanted in self.node.probe("metrics")[1].splitlines()

        until(known, seconds=SYNC_SECONDS, what=f"the agent to know {definitions} definitions")


class Pods:
    """Fresh pods at the API server, each with a fresh namespace here; both are gone afterwards."""

    def __init__(self, world: World, plane: ControlPlane) -> None:
        self._world = world
        self._plane = plane
        self._made = 0

    @contextmanager
    def containers(self, count: int, networks: int) -> Iterator[list[Container]]:
        asked = ",".join(f"{DEFINITIONS}/net{number}" for number in range(1, networks))
        with self._world.containers(count) as paths:
            yield [self._container(path, asked) for path in paths]
            self._plane.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods", {"gracePeriodSeconds": 0})

    def _container(self, path: str, asked: str) -> Container:
        self._made += 1
        annotations = {NETWORKS: asked} if asked else {}
        pod = kubeobjects.pod(self._plane, NAMESPACE, f"pod-{self._made}", annotations)
        return Container(id=f"{self._made:064x}", netns=path, pod=pod)


class Measuring:
    """``busy``: processes that have something to do after an answer, which is waited for: events, watches."""

    def __init__(self, busy: Callable[[], Sequence[int]]) -> None:
        self._busy = busy

    def one_by_one(
        self, one: Contender, verb: str, containers: Sequence[Container], networks: int
    ) -> list[Cost]:
        """The cost of each pod. CPU spent elsewhere can't be told apart: each pod has the same part of it."""
        with prepared(one, verb, containers, networks) as pods:
            self.settle()
            before = one.elsewhere()
            costs = [run(pod) for pod in pods]
            one.finish(verb, len(pods), networks)
            self.settle()
            share = (one.elsewhere() - before) // len(pods)
        return [Cost(cpu=cost.cpu + share, wall=cost.wall) for cost in costs]

    def at_once(self, one: Contender, verb: str, containers: Sequence[Container], networks: int) -> Cost:
        """All pods at the same time, until the last is done."""
        everybody = Barrier(len(containers))
        with (
            prepared(one, verb, containers, networks) as pods,
            ThreadPoolExecutor(len(pods)) as pool,
        ):
            list(pool.map(lambda _: everybody.wait(), pods))  # all threads are there
            self.settle()
            before, began = one.elsewhere(), time.monotonic_ns()
            costs = list(pool.map(run, pods))
            wall = time.monotonic_ns() - began
            one.finish(verb, len(pods), networks)
            self.settle()
            return Cost(cpu=sum(cost.cpu for cost in costs) + one.elsewhere() - before, wall=wall)

    def settle(self) -> None:
        deadline = time.monotonic() + MOST_CALM_SECONDS
        while time.monotonic() < deadline:
            before = sum(map(cpu_of, self._busy()))
            time.sleep(CALM_SECONDS)
            if sum(map(cpu_of, self._busy())) - before < CALM_SHARE * CALM_SECONDS * 1e9:
                return


def cpu_of(pid: int) -> int:
    """Nanoseconds."""
    return time.clock_gettime_ns((~pid << 3) | PROCESS_CLOCK)


@contextmanager
def prepared(
    one: Contender, verb: str, containers: Sequence[Container], networks: int
) -> Iterator[list[Sequence[Execution]]]:
    with ExitStack() as stack:
        pods = [one.prepare(verb, container, networks) for container in containers]
        for execution in (execution for pod in pods for execution in pod):
            stack.enter_context(execution)
        yield pods


def run(executions: Sequence[Execution]) -> Cost:
    """One after the other, as whoever calls plugins does."""
    began = time.monotonic_ns()
    costs = [execution.run() for execution in executions]
    return Cost(cpu=sum(cost.cpu for cost in costs), wall=time.monotonic_ns() - began)


def define(plane: ControlPlane, numbers: range) -> None:
    """Definitions that no pod asks for, each of its own text."""
    path = kubeobjects.NADS.format(namespace=DEFINITIONS)
    pool = urllib3.HTTPSConnectionPool(
        "127.0.0.1", plane.port, ca_certs=str(plane.ca_file), maxsize=CONNECTIONS
    )
    headers = {"Authorization": f"Bearer {plane.token(ADMIN)}", "Content-Type": "application/json"}

    def make(number: int) -> None:
        conf = {**network("ours", 1, Path("/var/lib/cni/networks")), "name": f"n{number}"}
        body = {
            "apiVersion": "k8s.cni.cncf.io/v1",
            "kind": "NetworkAttachmentDefinition",
            "metadata": {"name": f"other-{number}"},
            "spec": {"config": json.dumps(conf)},
        }
        answer = pool.request("POST", path, body=json.dumps(body), headers=headers, retries=False)
        if answer.status != 201:
            raise Failed(f"could not make a definition: {answer.data.decode(errors='replace')}")

    with pool, ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(make, numbers))
