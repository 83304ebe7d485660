"""lan     the host's bridge ``br0``, with the server's address
wire    the pod's ``eth0``, whose other end is the host's ``far0``, with the server's address
server  makes the small server on a device of the host; stopped with the test
leases  our daemon, started: the folder of its socket, leases and log
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support import dhcp
from tests.support.dhcp import ADDRESS, Server
from tests.support.netns import Netns

MakeServer = Callable[..., Server]


@pytest.fixture
def lan(host: Netns) -> str:
    host.ip("link", "add", "br0", "type", "bridge")
    host.ip("link", "set", "br0", "up")
    host.ip("addr", "add", str(ADDRESS), "dev", "br0")
    return "br0"


@pytest.fixture
def wire(host: Netns, pod: Netns) -> str:
    host.ip("link", "add", "far0", "type", "veth", "peer", "name", "eth0", "netns", pod.name)
    host.ip("link", "set", "far0", "up")
    host.ip("addr", "add", str(ADDRESS), "dev", "far0")
    pod.ip("link", "set", "eth0", "up")
    return "far0"


@pytest.fixture
def server(host: Netns) -> Iterator[MakeServer]:
    with ExitStack() as stack:

        def make(device: str, **how: Any) -> Server:
            made = Server(device=device, **how).start(host)
            stack.callback(made.stop)
            return made

        yield make


@pytest.fixture
def leases(host: Netns, tmp_path: Path) -> Iterator[Path]:
    with dhcp.running_daemon(host, tmp_path / "dhcp", "-resendtimeout", "20s"):
        yield tmp_path / "dhcp"
