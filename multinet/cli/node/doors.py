"""The agent's own doors to this node, for what is decided by the very code that it runs."""

from __future__ import annotations

import dataclasses

from multinet.config import Settings
from multinet.daemon.primary import Primary
from multinet.daemon.world import World
from multinet.verbs.node import Node


def alone(settings: Settings) -> Node:
    """No cluster is asked anything here, and a folder stands for one."""
    return World(dataclasses.replace(settings, folder=settings.state_dir), Primary(settings), None).alone()
