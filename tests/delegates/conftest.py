from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment, quick_ipv6

Attach = Callable[..., Attachment]


@pytest.fixture
def host(host: Netns) -> Netns:
    return quick_ipv6(host)


@pytest.fixture
def pod(pod: Netns) -> Netns:
    return quick_ipv6(pod)


@pytest.fixture
def pods(netns: Callable[..., Netns]) -> Callable[[int], list[Netns]]:
    """``first, second = pods(2)``"""
    return lambda count: [quick_ipv6(netns(f"pod{number}")) for number in range(1, count + 1)]


@pytest.fixture
def attach(host: Netns) -> Attach:
    """An attachment of ours on ``host``, not added yet: ``attach(pod, conf, container="c2")``."""

    def make(pod: Netns, conf: dict[str, Any], container: str = "c1", **more: Any) -> Attachment:
        return Attachment(host=host, pod=pod, conf=conf, container=container, **more)

    return make


@pytest.fixture
def ranges(state: Path) -> Callable[..., dict[str, Any]]:
    """``ranges("10.1.2.0/24")``: an ``ipam`` that gives an address of each subnet, with its files in ``state``."""
    return partial(host_local, state)


def host_local(state: Path, *subnets: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "host-local",
        "dataDir": str(state),
        "ranges": [[{"subnet": subnet}] for subnet in subnets],
        **more,
    }
