"""A node with a parent ``eth1`` that leads to another node, both with an address on it, and multinet's delegates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from multinet.delegate.host_links import TYPES, HostLinks
from multinet.delegate.serve import Answer, serve
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns
from tests.support.plugins import NOTHING, Attachment, quick_ipv6, within


@dataclass(kw_only=True)
class Machine:
    """One node. ``kept``: what was told of links that could not be removed."""

    host: Netns
    folder: Path
    types: frozenset[str] = TYPES
    kept: list[dict[str, Any]] = field(default_factory=list)

    @property
    def host_links(self) -> HostLinks:
        return HostLinks(self.folder, types=self.types, warn=lambda event, **said: self.kept.append(said))

    def serve(self, host: Netns, type_: str, env: Mapping[str, str], stdin: bytes) -> Answer:
        def act() -> Answer:
            return serve(type_, {"CNI_PATH": NOTHING, **env}, stdin, host_links=self.host_links)

        return within(host, act)

    def attach(self, pod: Netns, conf: Mapping[str, Any], container: str = "c1", **more: Any) -> Attachment:
        conf = {"cniVersion": "1.1.0", "name": "net", **conf}
        return Attachment(host=self.host, pod=pod, conf=conf, container=container, by=self.serve, **more)

    def sweep(self, *containers: str) -> int:
        def act() -> int:
            with Namespace.current() as here:
                return self.host_links.sweep(here, containers)

        return within(self.host, act)

    def link(self, name: str) -> dict[str, Any]:
        (link,) = self.host.json("ip", "-j", "-d", "addr", "show", name)
        return dict(link)

    @property
    def users(self) -> dict[str, list[str]]:
        """By link: the containers on record."""
        found = {}
        for file in sorted(self.folder.glob("*.json")):
            said = json.loads(file.read_text())
            found[said["link"]] = [user["container"] for user in said["users"]]
        return found


@pytest.fixture
def machine(host: Netns, tmp_path: Path) -> Machine:
    return Machine(host=host, folder=tmp_path / "host-links")


@pytest.fixture
def other(machine: Machine, netns: Callable[..., Netns], tmp_path: Path) -> Machine:
    """The node at the other end of ``eth1``: 192.0.2.2 to the first one's 192.0.2.1."""
    there = quick_ipv6(netns("other"))
    here = machine.host
    here.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth1", "netns", there.name)
    for number, node in enumerate((here, there), 1):
        node.ip("addr", "add", f"192.0.2.{number}/24", "dev", "eth1")
        node.ip("link", "set", "eth1", "up")
    return Machine(host=there, folder=tmp_path / "other-host-links")
