"""Pods with several networks, the whole way: shim, agent and a real API server, beside the reference's plugins."""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import ExitStack

import memory
from cluster import (
    DEFINITIONS,
    NAMESPACE,
    Contender,
    Ours,
    Pods,
    Reference,
    at_once,
    define,
    network,
    one_by_one,
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
KNOWN = 48
"""ADDs with that many definitions known."""
KNOWN_BLOCK = 12

Table = dict[str, Series]


def measure(world: World) -> Figures:
    figures: Figures = {}
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(world.folder / "plane"))
        kubeobjects.install(plane)
        for name in (NAMESPACE, DEFINITIONS):
            kubeobjects.namespace(plane, name)
        data = world.folder / "agent" / "ipam"
        for number in range(1, MOST_NETWORKS):
            kubeobjects.nad(plane, DEFINITIONS, f"net{number}", network("ours", number, data))
        define(plane, range(MOST_NETWORKS - 1, FEW_NADS))
        pods = Pods(world, plane)
        node = stack.enter_context(make_node(world, plane))
        ours = Ours(node)
        node.start()
        ours.knows(FEW_NADS)
        reference = Reference(PEERS, world.folder / "reference").contender()
        figures |= side_by_side(pods, ours.contender(), reference)
        figures |= requests(pods, ours, plane)
        figures |= most_networks(pods, ours)
        few = with_definitions(pods, ours)
        define(plane, range(FEW_NADS, MANY_NADS))
        ours.knows(MANY_NADS)
        ours.settle()
        many = with_definitions(pods, ours)
        head(f"ADD of a pod with {NETWORKS} networks, medians of {KNOWN}, ms")
        show(f"{FEW_NADS} definitions known", few)
        show(f"{MANY_NADS} definitions known", many)
        figures["add_wall_10000_nads_vs_10"] = many.wall / few.wall
        node.stop()
        with memory.group() as group, make_node(world, plane) as alone:
            alone.wrapper = group.wrapper
            figures |= with_memory(pods, Ours(alone.start()), group)
    return figures


def make_node(world: World, plane: ControlPlane) -> AgentNode:
    """Its host is where we are: the API server's loopback and the bridges are in one namespace."""
    folder = world.folder / "agent"
    node = AgentNode(folder=folder, host=Netns(name=""), plane=plane, bin_dir=PEERS)
    node.primary(**network("ours", 0, node.ipam))
    return node


def side_by_side(pods: Pods, *contenders: Contender) -> Figures:
    """Blocks of ADDs and of their DELs, one contender after the other, in another order each round."""
    tables: dict[str, Table] = {verb: defaultdict(Series) for verb in ("ADD", "DEL")}
    bursts: dict[str, Table] = {verb: defaultdict(Series) for verb in ("ADD", "DEL")}
    for number in range(1 + ROUNDS):
        for one in random.sample(contenders, len(contenders)):
            with pods.containers(BLOCK, NETWORKS) as containers:
                one.settle()
                for verb, table in tables.items():
                    costs = one_by_one(one, verb, containers, NETWORKS)
                    if number:  # the first warms up
                        table[one.name].costs += costs
    for _ in range(BATCHES):
        for one in random.sample(contenders, len(contenders)):
            with pods.containers(AT_ONCE, NETWORKS) as containers:
                one.settle()
                for verb, table in bursts.items():
                    table[one.name].costs.append(at_once(one, verb, containers, NETWORKS))
    head(f"pods with {NETWORKS} networks, medians of {ROUNDS * BLOCK}, ms")
    for words, found in ((""), tables), (f"{AT_ONCE} at once, ", bursts):
        for verb, table in found.items():
            for name in ("ours", "reference"):
                show(f"{words}{verb} {name}", table[name])

    def ratio(table: Table) -> tuple[float, float]:
        mine, theirs = table["ours"], table["reference"]
        return mine.wall / theirs.wall, mine.cpu / theirs.cpu

    add_wall, add_cpu = ratio(tables["ADD"])
    del_wall, del_cpu = ratio(tables["DEL"])
    return {
        "pod_add_wall_vs_reference": add_wall,
        "pod_add_cpu_vs_reference": add_cpu,
        "pod_del_wall_vs_reference": del_wall,
        "pod_del_cpu_vs_reference": del_cpu,
        "burst16_wall_vs_reference": ratio(bursts["ADD"])[0],
        "burst16_cpu_vs_reference": ratio(bursts["ADD"])[1],
        "burst16_del_wall_vs_reference": ratio(bursts["DEL"])[0],
        "pod_add_wall_ms": tables["ADD"]["ours"].wall,
        "pod_add_cpu_ms": tables["ADD"]["ours"].cpu,
        "pod_del_wall_ms": tables["DEL"]["ours"].wall,
        "pod_del_cpu_ms": tables["DEL"]["ours"].cpu,
    }


def requests(pods: Pods, ours: Ours, plane: ControlPlane) -> Figures:
    """What the API server was asked for, by its own log."""
    figures: Figures = {}
    for networks, words in ((NETWORKS, "add"), (1, "plain_add")):
        with pods.containers(BLOCK, networks) as containers:
            ours.settle()
            before = len(plane.requests())
            one_by_one(ours.contender(), "ADD", containers, networks)
            asked = plane.requests()[before:]
            events = sum(one.resource == "events" for one in asked)
            figures[f"api_requests_per_{words}"] = (len(asked) - events) / BLOCK
            figures[f"api_events_per_{words}"] = events / BLOCK
            one_by_one(ours.contender(), "DEL", containers, networks)
    return figures


def most_networks(pods: Pods, ours: Ours) -> Figures:
    """DEL of pods with many networks and with one, in turns."""
    one = ours.contender()
    deleted: dict[int, Series] = defaultdict(Series)
    for _ in range(ROUNDS // 2):
        for networks in random.sample((1, MOST_NETWORKS), 2):
            with pods.containers(BLOCK, networks) as containers:
                one_by_one(one, "ADD", containers, networks)
                deleted[networks].costs += one_by_one(one, "DEL", containers, networks)
    for networks, series in sorted(deleted.items()):
        show(f"DEL of a pod with {networks} network{'s' if networks > 1 else ''}", series)
    return {"del8_wall_vs_del1": deleted[MOST_NETWORKS].wall / deleted[1].wall}


def with_definitions(pods: Pods, ours: Ours) -> Series:
    """ADDs with as many definitions as are known now."""
    one = ours.contender()
    series = Series()
    while len(series.costs) < KNOWN:
        with pods.containers(KNOWN_BLOCK, NETWORKS) as containers:
            one.settle()
            series.costs += one_by_one(one, "ADD", containers, NETWORKS)
            one_by_one(one, "DEL", containers, NETWORKS)
    return series


def with_memory(pods: Pods, ours: Ours, group: memory.Group) -> Figures:
    """A fresh agent, whose files are in the page cache already: bursts with all definitions known."""
    ours.knows(MANY_NADS)
    started = group.peak
    one = ours.contender()
    for _ in range(BATCHES):
        with pods.containers(AT_ONCE, NETWORKS) as containers:
            at_once(one, "ADD", containers, NETWORKS)
            at_once(one, "DEL", containers, NETWORKS)
    return {
        "agent_peak_mib": group.peak,
        "agent_start_peak_mib": started,
        "agent_rss_mib": memory.resident(ours.pid),
    }
