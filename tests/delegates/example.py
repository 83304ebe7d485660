"""What the example of a room needs to come up: its ``tests/delegates/<kind>/<room>/example.py`` says it in EXAMPLE.

A room without that file has an example that needs nothing but a host and a pod.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.netns import Netns


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    host: Netns
    pod: Netns
    state: Path
    """An empty folder, which stands for ``STATE`` in ``keys``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    prepare: Callable[[World], object] = lambda world: None
    """Make what has to be there: a master, a server."""
    runtime: Mapping[str, Any] = field(default_factory=dict)
    """What a pod asks for, in every plugin's ``runtimeConfig``."""
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is configured otherwise than in the example, by CNI type: folders, mostly."""
    needs: str = ""
    """The marker of the kernel it needs ("uml"), where the least of our machines' will not do."""


def default_route(world: World) -> None:
    """A host with one network card, ``up0``, over which it reaches everything."""
    world.host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    world.host.ip("addr", "add", "192.0.2.2/24", "dev", "up0")
    world.host.ip("link", "set", "up1", "up")
    world.host.ip("link", "set", "up0", "up")
    world.host.ip("route", "add", "default", "via", "192.0.2.1")
