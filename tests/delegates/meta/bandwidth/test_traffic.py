"""Limits as traffic meets them: iperf3 between the pod and the host, over IPv4 and IPv6, in both directions.

How much is sent is bounded, not how long it takes; a machine that is busy elsewhere is asked again.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment
from tests.support.wait import until

pytestmark = pytest.mark.kernel

MBIT = 1_000_000
RECEIVES, SENDS = 30 * MBIT, 20 * MBIT
LIMITS = {"ingressRate": RECEIVES, "ingressBurst": 300_000, "egressRate": SENDS, "egressBurst": 200_000}
TOLERANCE = 0.15

NEAR = {4: "10.1.2.1", 6: "fd01:2::1"}
"""The host, on the bridge."""
FAR = {4: "10.77.0.1", 6: "fd77::1"}
"""The host as well, in a subnet that is told apart."""
SUBNETS = ["10.77.0.0/16", "fd77::/32"]

Limited = Callable[..., Attachment]


@pytest.fixture
def limited(
    pod: Netns, host: Netns, on_bridge: Callable[..., Attachment], chained: Callable[..., Attachment]
) -> Limited:
    for address in FAR.values():
        host.ip("addr", "add", address, "dev", "lo")
    below = on_bridge(pod, "10.1.2.0/24", "fd01:2::/64", isDefaultGateway=True)
    return lambda **conf: chained(below, type="bandwidth", **conf).add()


@contextmanager
def listening(host: Netns) -> Iterator[None]:
    server = subprocess.Popen(
        host.command("iperf3", "--server", "--forceflush"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert server.stdout is not None
        until(lambda: host.run("ss", "-Hltn", "sport = 5201").stdout, what="iperf3 to listen")
        yield
    finally:
        server.kill()
        server.communicate()


def rate(pod: Netns, address: str, *, receiving: bool, megabytes: float) -> float:
    """Bits a second that arrived."""
    way = ["--reverse"] if receiving else []
    size = str(int(megabytes * 1_000_000))
    argv = ["iperf3", "--client", address, "--bytes", size, "--window", "128K", "--json", *way]
    said: dict[str, Any] = json.loads(pod.run(*argv, check=False).stdout)
    return float(said.get("end", {}).get("sum_received", {}).get("bits_per_second", 0.0))


WAYS = ((True, RECEIVES), (False, SENDS))
"""Does the pod receive? How much may it?"""


def held(pod: Netns, address: str) -> None:
    """Both limits, within the tolerance."""
    for receiving, limit in WAYS:
        half_a_second = limit / 16 / 1_000_000
        asked(pod, address, receiving, half_a_second, limit * (1 - TOLERANCE), limit * (1 + TOLERANCE))


def not_held(pod: Netns, address: str) -> None:
    for receiving, limit in WAYS:
        asked(pod, address, receiving, 4.0, 5.0 * limit, math.inf)


def asked(pod: Netns, address: str, receiving: bool, megabytes: float, least: float, most: float) -> None:
    """Measure until it is in between; what was seen is told when it never is."""
    seen: list[int] = []

    def between() -> bool:
        measured = rate(pod, address, receiving=receiving, megabytes=megabytes)
        seen.append(int(measured))
        return least <= measured <= most

    with suppress(AssertionError):
        until(between, seconds=15)
    assert least <= seen[-1] <= most, f"{address}, receiving {receiving}: {seen}"


@pytest.mark.parametrize("version", [4, 6])
def test_limits_are_held(version: int, limited: Limited, host: Netns, pod: Netns):
    one = limited(**LIMITS)
    with listening(host):
        held(pod, NEAR[version])
        if version == 4:
            one.delete()
            not_held(pod, NEAR[version])


@pytest.mark.parametrize("version", [4, 6])
def test_an_unshaped_subnet_has_no_limits_and_all_others_have(
    version: int, limited: Limited, host: Netns, pod: Netns
):
    limited(**LIMITS, unshapedSubnets=SUBNETS)
    with listening(host):
        held(pod, NEAR[version])
        not_held(pod, FAR[version])


@pytest.mark.parametrize("version", [4, 6])
def test_a_shaped_subnet_has_limits_and_no_other_has(version: int, limited: Limited, host: Netns, pod: Netns):
    limited(**LIMITS, shapedSubnets=SUBNETS)
    with listening(host):
        held(pod, FAR[version])
        not_held(pod, NEAR[version])
