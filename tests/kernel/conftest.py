"""The namespaces of ``host`` and ``pod``, opened as the code under test holds them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from multinet import steps
from multinet.kernel import links
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns


@pytest.fixture
def host_ns(host: Netns) -> Iterator[Namespace]:
    with Namespace.open(host.path) as opened:
        yield opened


@pytest.fixture
def pod_ns(pod: Netns) -> Iterator[Namespace]:
    with Namespace.open(pod.path) as opened:
        yield opened


@pytest.fixture
def veth(host_ns: Namespace, pod_ns: Namespace) -> tuple[Link, Link]:
    """A veth pair: ``eth0`` in the pod, ``vethhost`` on the host, which is up."""
    near = links.create_veth(pod_ns.rtnl, "eth0", "vethhost", peer_ns_fd=host_ns.fd)
    far = links.get(host_ns.rtnl, "vethhost")
    host_ns.rtnl.request(links.set_up(far))
    return near, far


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The steps that are announced while the test runs."""
    words: list[str] = []
    steps.listen(words.append)
    yield words
    steps.listen(None)


@pytest.fixture
def fd_count() -> Callable[[], int]:
    """How many files this process has open now."""
    return lambda: len(os.listdir("/proc/self/fd"))
