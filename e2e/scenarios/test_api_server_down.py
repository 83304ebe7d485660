"""While there is no API server, what the kubelet can start and stop by itself is started and stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from e2e.cluster.holdings import Holdings
from e2e.cluster.pods import Space
from e2e.scenarios.networks import bridge
from tests.support.wait import until

SECONDS = 90.0
"""The kubelet looks at its folder every 20 s."""

MIRROR_SECONDS = 180.0
"""A mirror that could not be made is tried again when the kubelet next looks at the pod, in a minute and a half."""

MakeStatic = Callable[..., Callable[[], None]]


@pytest.fixture
def static(space: Space) -> Iterator[MakeStatic]:
    """``static(name, networks)`` begins a pod of a file on the first node, and returns what ends it."""
    driver, node = space.driver, space.driver.nodes[0]
    with ExitStack() as files:

        def make(name: str, networks: str | None = None) -> Callable[[], None]:
            made: dict[str, Any] = space.template(networks)
            made["metadata"] |= {"name": name, "namespace": space.name}
            file = f"{driver.static_pods}/e2e-{name}.json"
            driver.shell(node, "tee", file, input=json.dumps({"apiVersion": "v1", "kind": "Pod", **made}))

            def end() -> None:
                driver.shell(node, "rm", "-f", file)

            files.callback(end)
            return end

        yield make
    until(lambda: not space.pods(), seconds=SECONDS, what="the static pods to be gone")


@pytest.fixture
def without_api_server(space: Space) -> Iterator[Callable[[], None]]:
    """Called, it stops the API server, which is there again after the test."""
    with ExitStack() as back:

        def stop() -> None:
            back.callback(space.driver.start_api_server)
            space.driver.stop_api_server()

        yield stop


def attached(space: Space) -> dict[str, list[str]]:
    """On the first node, the interfaces in each namespace of a pod."""
    node = space.driver.nodes[0]
    return {
        name: [
            link["ifname"]
            for link in json.loads(space.driver.shell(node, "ip", "-n", name, "-j", "link").stdout)
            if link["ifname"] != "lo"
        ]
        for name in Holdings.of(space.driver, node).namespaces
    }


def test_pods_start_and_end_without_an_api_server_and_are_told_of_when_it_is_back(
    space: Space, static: MakeStatic, without_api_server: Callable[[], None]
):
    node = space.driver.nodes[0]
    before, known = attached(space), set(Holdings.of(space.driver, node).records)
    space.define("lan", bridge(space, 17))
    end_first = static("first", "lan")
    space.wait_ready(f"first-{node}")
    first = set(Holdings.of(space.driver, node).records) - known
    assert len(first) == 1
    without_api_server()

    static("plain")
    until(lambda: len(attached(space)) == len(before) + 2, seconds=SECONDS, what="a plain pod to be attached")
    static("more", "lan")
    until(lambda: len(attached(space)) == len(before) + 3, seconds=SECONDS, what="a pod with a network")
    wanted = sorted([*before.values(), ["eth0"], ["eth0", "net1"], ["eth0", "net1"]])
    until(lambda: sorted(attached(space).values()) == wanted, seconds=SECONDS, what="its interfaces")

    end_first()
    until(
        lambda: not first & set(Holdings.of(space.driver, node).records),
        seconds=SECONDS,
        what="the first pod to be taken down",
    )
    until(lambda: len(attached(space)) == len(before) + 2, seconds=SECONDS, what="its namespace to be gone")

    space.driver.start_api_server()
    space.wait_ready(f"plain-{node}", f"more-{node}", seconds=MIRROR_SECONDS)
    until(lambda: len(space.status(f"more-{node}")) == 2, seconds=SECONDS, what="its network-status")
    assert space.status(f"more-{node}")[1]["interface"] == "net1"
    assert space.status(f"plain-{node}") == []
