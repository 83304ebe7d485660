"""Pods with several networks, the whole way: shim, agent and a real API server, beside the reference's plugins."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import memory
from cluster import (
    DEFINITIONS,
    NAMESPACE,
    Contender,
    Measuring,
    Ours,
    Pods,
    Reference,
    define,
    network,
)
from figures import Figures, Series, head, show
from process import PEERS
from world import World

from tests.support import kubeobjects
from tests.support.controlplane import APISERVER, ETCD, ControlPlane
from tests.support.netns import Netns
from tests.support.node import SHIM, AgentNode

PROGRAMS = (PEERS / "bridge", PEERS / "host-local", SHIM, APISERVER, ETCD)

NETWORKS = 3
MOST_NETWORKS = 8
ROUNDS = 8
BLOCK = 10
AT_ONCE = 16
BATCHES = 5
FEW_NADS = 10
MANY_NADS = 10_000
VERBS = ("ADD", "DEL")

T = TypeVar("T")
Table = dict[str, Series]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """An API server with so many definitions, the agent of a node, and pods for it."""

    plane: ControlPlane
    ours: Ours
    pods: Pods

    @property
    def pids(self) -> tuple[int, ...]:
        return (*self.plane.pids, self.ours.pid)


def measure(world: World) -> Figures:
    figures: Figures = {}
    clusters: list[Cluster] = []
    measuring = Measuring(lambda: [pid for cluster in clusters for pid in cluster.pids])
    with ExitStack() as stack:
        few = stack.enter_context(cluster(world, FEW_NADS))
        clusters.append(few)
        reference = Reference(PEERS, world.folder / "reference")
        figures |= side_by_side(measuring, few, reference)
        figures |= requests(measuring, few)
        figures |= most_networks(measuring, few)
        # The files that the second agent reads are in the page cache by now, and not on its account.
        group = stack.enter_context(memory.group())
        many = stack.enter_context(cluster(world, MANY_NADS, group.wrapper))
        clusters.append(many)
        figures |= {"agent_start_peak_mib": group.peak} | definitions(measuring, few, many)
        bursts(measuring, many, [many.ours])
        figures |= {"agent_peak_mib": group.peak, "agent_rss_mib": memory.resident(many.ours.pid)}
    return figures


@contextmanager
def cluster(world: World, nads: int, wrapper: Sequence[str] = ()) -> Iterator[Cluster]:
    """Its node's host is where we are: the API server's loopback and the bridges are in one namespace."""
    folder = world.folder / f"cluster-{nads}"
    with ControlPlane(folder / "plane") as plane:
        kubeobjects.install(plane)
        for name in (NAMESPACE, DEFINITIONS):
            kubeobjects.namespace(plane, name)
        node = AgentNode(folder=folder, host=Netns(name=""), plane=plane, bin_dir=PEERS, wrapper=wrapper)
        node.primary(**network("ours", 0, node.ipam))
        for number in range(1, MOST_NETWORKS):
            kubeobjects.nad(plane, DEFINITIONS, f"net{number}", network("ours", number, node.ipam))
        define(plane, range(MOST_NETWORKS - 1, nads))
        with node:
            ours = Ours(node.start(), plane)
            ours.knows(nads)
            yield Cluster(plane=plane, ours=ours, pods=Pods(world, plane))


def side_by_side(measuring: Measuring, few: Cluster, reference: Reference) -> Figures:
    """Blocks of ADDs and of their DELs, one contender after the other, in another order each round."""
    contenders: Sequence[Contender] = (few.ours, reference)
    single: dict[str, Table] = {verb: defaultdict(Series) for verb in VERBS}
    for number in range(1 + ROUNDS):
        for one in shuffled(contenders):
            with few.pods.containers(BLOCK, NETWORKS) as containers:
                for verb in VERBS:
                    costs = measuring.one_by_one(one, verb, containers, NETWORKS)
                    if number:  # the first warms up
                        single[verb][one.name].costs += costs
    batch = bursts(measuring, few, contenders)
    for words, tables in ((f"medians of {ROUNDS * BLOCK}", single), (f"{AT_ONCE} at once", batch)):
        head(f"pods with {NETWORKS} networks, {words}, ms")
        for verb, table in tables.items():
            for name in ("ours", "reference"):
                show(f"{verb} {name}", table[name])

    figures: Figures = {}
    for words, tables in (("pod", single), (f"burst{AT_ONCE}", batch)):
        for verb, table in tables.items():
            # The burst is one of ADDs: its name was there first.
            name = words if (words, verb) == (f"burst{AT_ONCE}", "ADD") else f"{words}_{verb.lower()}"
            mine, theirs = table["ours"], table["reference"]
            figures |= {
                f"{name}_wall_vs_reference": mine.wall / theirs.wall,
                f"{name}_cpu_vs_reference": mine.cpu / theirs.cpu,
                f"{name}_wall_ms": mine.wall,
                f"{name}_cpu_ms": mine.cpu,
            }
    return figures


def bursts(measuring: Measuring, where: Cluster, contenders: Sequence[Contender]) -> dict[str, Table]:
    """Batches of pods at the same time."""
    tables: dict[str, Table] = {verb: defaultdict(Series) for verb in VERBS}
    for _ in range(BATCHES):
        for one in shuffled(contenders):
            with where.pods.containers(AT_ONCE, NETWORKS) as containers:
                for verb, table in tables.items():
                    table[one.name].costs.append(measuring.at_once(one, verb, containers, NETWORKS))
    return tables


def requests(measuring: Measuring, few: Cluster) -> Figures:
    """What the API server was asked for, by its own log."""
    figures: Figures = {}
    for networks, words in ((NETWORKS, "add"), (1, "plain_add")):
        with few.pods.containers(BLOCK, networks) as containers:
            measuring.settle()
            before = len(few.plane.requests())
            measuring.one_by_one(few.ours, "ADD", containers, networks)
            asked = few.plane.requests()[before:]
            events = sum(one.resource == "events" for one in asked)
            figures[f"api_requests_per_{words}"] = (len(asked) - events) / BLOCK
            figures[f"api_events_per_{words}"] = events / BLOCK
            measuring.one_by_one(few.ours, "DEL", containers, networks)
    return figures


def most_networks(measuring: Measuring, few: Cluster) -> Figures:
    """DEL of pods with many networks and with one, in turns."""
    deleted: dict[int, Series] = defaultdict(Series)
    for _ in range(ROUNDS // 2):
        for networks in shuffled((1, MOST_NETWORKS)):
            with few.pods.containers(BLOCK, networks) as containers:
                measuring.one_by_one(few.ours, "ADD", containers, networks)
                deleted[networks].costs += measuring.one_by_one(few.ours, "DEL", containers, networks)
    head("DEL, ms")
    for networks, series in sorted(deleted.items()):
        show(f"of pods with {networks}", series)
    return {"del8_wall_vs_del1": deleted[MOST_NETWORKS].wall / deleted[1].wall}


def definitions(measuring: Measuring, few: Cluster, many: Cluster) -> Figures:
    """ADD where few and where many definitions are known, in turns."""
    added: dict[int, Series] = defaultdict(Series)
    for number in range(1 + ROUNDS):
        for nads, there in shuffled(((FEW_NADS, few), (MANY_NADS, many))):
            with there.pods.containers(BLOCK, NETWORKS) as containers:
                costs = measuring.one_by_one(there.ours, "ADD", containers, NETWORKS)
                measuring.one_by_one(there.ours, "DEL", containers, NETWORKS)
                if number:
                    added[nads].costs += costs
    head(f"ADD of pods with {NETWORKS} networks, ms")
    for nads, series in sorted(added.items()):
        show(f"{nads} definitions known", series)
    return {f"add_wall_{MANY_NADS}_nads_vs_{FEW_NADS}": added[MANY_NADS].wall / added[FEW_NADS].wall}


def shuffled(them: Sequence[T]) -> list[T]:
    return random.sample(them, len(them))
