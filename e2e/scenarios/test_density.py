"""A node takes a hundred pods; how long each takes to be ready is written to the run's report."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import pytest

from e2e.cluster.pods import Space, ready
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support.wait import until

PODS = 100
SECONDS = 400.0


class Clock:
    """When each pod of a namespace is first seen to be ready, by a watch."""

    def __init__(self, space: Space) -> None:
        self.ready: dict[str, float] = {}
        self._space = space
        self._open = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._open.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.close()
        self._thread.join(10)

    def _run(self) -> None:
        path = f"/api/v1/namespaces/{self._space.name}/pods"
        with self._space.driver.api.watch(path) as self._watch:
            self._open.set()
            for event in self._watch:
                pod: Mapping[str, Any] = event["object"]
                if ready(pod):
                    self.ready.setdefault(pod["metadata"]["name"], time.monotonic())


@pytest.mark.parametrize("networks", [None, "one,two"], ids=["no further networks", "two further networks"])
def test_a_node_takes_a_hundred_pods(space: Space, reports: Path, networks: str | None):
    node = space.driver.nodes[0]
    space.define("one", bridge(space, 20))
    space.define("two", macvlan(space, host_local("10.9.21.0/24")))
    asked: dict[str, float] = {}
    with Clock(space) as clock:
        for number in range(PODS):
            name = space.pod(f"pod-{number}", networks, node=node)
            asked[name] = time.monotonic()
        until(lambda: len(clock.ready) == PODS, seconds=SECONDS, what=f"{PODS} pods to be ready")

    addresses = {pod["status"]["podIP"] for pod in space.pods()}
    assert len(addresses) == PODS
    wanted = ["eth0", "net1", "net2"] if networks else ["eth0"]
    assert list(space.inside(f"pod-{PODS - 1}").interfaces) == wanted
    took = sorted(clock.ready[name] - asked[name] for name in asked)
    centiles = statistics.quantiles(took, n=100, method="inclusive")
    report = {
        "pods": PODS,
        "further networks": len(wanted) - 1,
        "all asked for at once, ready after seconds": {
            "p50": round(centiles[49], 2),
            "p99": round(centiles[98], 2),
            "last": round(took[-1], 2),
        },
        "pods a second": round(PODS / (max(clock.ready.values()) - min(asked.values())), 2),
    }
    file = reports / f"density-{len(wanted) - 1}-further-networks.json"
    file.write_text(json.dumps(report, indent=2) + "\n")
