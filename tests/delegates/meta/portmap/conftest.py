from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.delegates.meta.portmap.talking import Sockets
from tests.support.netns import Netns
from tests.support.plugins import Attachment, quick_ipv6

POD = ("10.1.2.0/24", "fd01:2::/64")


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbourhood:
    """``client`` reaches the host at 192.0.2.1 and 198.51.100.1, 2001:db8::1 and 2001:db8:1::1; the pods it can't
    name."""

    host: Netns
    client: Netns


@pytest.fixture
def around(host: Netns, netns: Callable[..., Netns]) -> Neighbourhood:
    client = quick_ipv6(netns("client"))
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", client.name)
    for address in ("192.0.2.1/24", "198.51.100.1/32", "2001:db8::1/64", "2001:db8:1::1/128"):
        host.ip("addr", "add", address, "dev", "up0")
    for address in ("192.0.2.9/24", "2001:db8::9/64"):
        client.ip("addr", "add", address, "dev", "eth0")
    client.ip("link", "set", "eth0", "up")
    host.ip("link", "set", "up0", "up")
    client.ip("route", "add", "default", "via", "192.0.2.1")
    client.ip("route", "add", "default", "via", "2001:db8::1")
    return Neighbourhood(host=host, client=client)


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with ExitStack() as stack:
        yield Sockets(stack)


@pytest.fixture
def below(on_bridge: Callable[..., Attachment], pod: Netns) -> Attachment:
    """Both families, a default route of each. Where bridges call iptables (br_netfilter), a packet that a pod sends
    to itself through the host is bridged, so its port must send it back."""
    return on_bridge(pod, *POD, isDefaultGateway=True, hairpinMode=True)


Mapped = Callable[..., Attachment]


@pytest.fixture
def mapped(chained: Callable[..., Attachment]) -> Mapped:
    """``mapped(below, "nftables", "8080:80/tcp", "192.0.2.1:53:53/udp")``: not added yet."""

    def make(below: Attachment, backend: str | None, *ports: str, **more: Any) -> Attachment:
        conf = {"type": "portmap", "runtimeConfig": {"portMappings": [mapping(text) for text in ports]}}
        return chained(below, **conf, **({"backend": backend} if backend else {}), **more)

    return make


def mapping(text: str) -> dict[str, Any]:
    """Written as Docker writes it, with an IPv6 address in brackets."""
    ports, _, protocol = text.partition("/")
    host, container = ports.rsplit(":", 1)
    address, _, port = host.rpartition(":")
    return {
        "hostPort": int(port),
        "containerPort": int(container),
        "protocol": protocol,
        "hostIP": address.strip("[]"),
    }


@pytest.fixture
def legacy_iptables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`iptables` is the old kind, which keeps its rules outside of nf_tables."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-restore"):
            (folder / f"{name}{suffix}").symlink_to(f"/usr/sbin/{name}-legacy{suffix}")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
