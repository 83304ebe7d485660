"""A delegate in a process of ours, beside the reference's and a C program; and the whole meta plugin in it."""

from __future__ import annotations

import gc
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contenders import Contender, Cost, Floor, Ours, Reference
from figures import Figures, Series, head, show
from meta import MOST_NETWORKS, Pods
from world import World

from tests.support.node import ROOT

PEERS = ROOT / ".cache" / "peers"
FLOOR = ROOT / ".cache" / "c" / "add"
PROGRAMS = (PEERS / "bridge", PEERS / "host-local", FLOOR)

ROUNDS = 10
BLOCK = 16
WARM_UP = 16
AT_ONCE = 16
BATCHES = 5
PODS = 12

Adds = dict[str, Series]


def alternate(world: World, contenders: Sequence[Contender]) -> tuple[Adds, Adds]:
    """Blocks of ADDs and then of their DELs, one contender after the other, in another order each round."""
    added: Adds = defaultdict(Series)
    deleted: Adds = defaultdict(Series)
    for _ in range(ROUNDS):
        for one in random.sample(contenders, len(contenders)):
            with world.containers(BLOCK) as paths:
                for path in paths:
                    added[one.name].costs.append(one.add(container_of(path), path))
                for path in paths:
                    if (cost := one.delete(container_of(path), path)) is not None:
                        deleted[one.name].costs.append(cost)
    return added, deleted


def at_once(world: World, ours: Ours, reference: Reference) -> tuple[Adds, Adds]:
    """Batches of so many requests at the same time: ours by threads, the reference by processes."""
    added: Adds = defaultdict(Series)
    deleted: Adds = defaultdict(Series)
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def by_threads(verb: Callable[[str, str], Cost], paths: Sequence[str]) -> Cost:
            cpu, wall = time.process_time_ns(), time.monotonic_ns()
            list(pool.map(verb, map(container_of, paths), paths))
            return Cost(cpu=time.process_time_ns() - cpu, wall=time.monotonic_ns() - wall)

        def by_processes(command: str, paths: Sequence[str]) -> Cost:
            wall = time.monotonic_ns()
            started = [reference.start_with_own_files(command, container_of(path), path) for path in paths]
            cpu = sum(map(reference.wait, started))
            return Cost(cpu=cpu, wall=time.monotonic_ns() - wall)

        for _ in range(BATCHES):
            with world.containers(AT_ONCE) as paths:
                added[ours.name].costs.append(by_threads(ours.add, paths))
                deleted[ours.name].costs.append(by_threads(ours.delete, paths))
            with world.containers(AT_ONCE) as paths:
                added[reference.name].costs.append(by_processes("ADD", paths))
                deleted[reference.name].costs.append(by_processes("DEL", paths))
    return added, deleted


def one_by_one(world: World, pods: Pods) -> tuple[Series, Series]:
    added, deleted = Series(), Series()
    with world.containers(PODS) as paths:
        for path in paths:
            added.costs.append(pods.add(container_of(path), path))
        for path in paths:
            deleted.costs.append(pods.delete(container_of(path), path))
    # What was needed for the first time was loaded and made then.
    return Series(costs=added.costs[1:]), Series(costs=deleted.costs[1:])


def container_of(path: str) -> str:
    return f"container-{Path(path).name}"


def measure(world: World) -> Figures:
    state = world.folder / "state"
    ours = Ours("ours", "10.1.0.0/16", state)
    reference = Reference("go", "10.2.0.0/16", state, PEERS)
    # The C program works on a bridge that stands: ours makes it, with the folder of its addresses.
    founder = Ours("floor", "10.3.0.0/16", state)
    with world.containers(WARM_UP) as paths:
        for one in (founder, ours, reference):
            for path in paths:
                one.add(container_of(path), path)
                one.delete(container_of(path), path)
    # What is loaded now stays loaded: a process that serves for long tells the garbage collector so, once.
    gc.freeze()
    floor = Floor(FLOOR, "floor", state / "floor", "10.3.0.1")
    try:
        added, deleted = alternate(world, (ours, reference, floor))
    finally:
        floor.close()
    batch_added, batch_deleted = at_once(world, ours, reference)
    three_added, three_deleted = one_by_one(world, Pods(world.folder, 3))
    _, one_deleted = one_by_one(world, Pods(world.folder, 1))
    _, most_deleted = one_by_one(world, Pods(world.folder, MOST_NETWORKS))

    head(f"one network, medians of {ROUNDS * BLOCK}, ms")
    for words, table in (("ADD", added), ("DEL", deleted)):
        for name, series in table.items():
            show(f"{words} {name}", series)
    for words, table in (
        (f"{AT_ONCE} ADDs at once", batch_added),
        (f"{AT_ONCE} DELs at once", batch_deleted),
    ):
        for name, series in table.items():
            show(f"{words} {name}", series)
    show("ADD of a pod with 3 networks", three_added)
    show("DEL of a pod with 3 networks", three_deleted)
    show("DEL of a pod with 1 network", one_deleted)
    show(f"DEL of a pod with {MOST_NETWORKS} networks", most_deleted)
    return {
        "add_cpu_vs_reference": added["ours"].cpu / added["reference"].cpu,
        "add_wall_vs_reference": added["ours"].wall / added["reference"].wall,
        "del_cpu_vs_reference": deleted["ours"].cpu / deleted["reference"].cpu,
        "del_wall_vs_reference": deleted["ours"].wall / deleted["reference"].wall,
        "add_cpu_vs_c": added["ours"].cpu / added["C"].cpu,
        "add_batch_wall_vs_reference": batch_added["ours"].wall / batch_added["reference"].wall,
        "del_batch_wall_vs_reference": batch_deleted["ours"].wall / batch_deleted["reference"].wall,
        "del_wall_8_links_vs_1": most_deleted.wall / one_deleted.wall,
        "add_cpu_ms": added["ours"].cpu,
        "add_wall_ms": added["ours"].wall,
        "del_cpu_ms": deleted["ours"].cpu,
        "del_wall_ms": deleted["ours"].wall,
        "pod_of_3_add_cpu_ms": three_added.cpu,
        "pod_of_3_add_wall_ms": three_added.wall,
        "pod_of_3_del_cpu_ms": three_deleted.cpu,
        "pod_of_3_del_wall_ms": three_deleted.wall,
    }
