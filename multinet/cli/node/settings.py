"""Is a command about this node, or about a cluster?"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multinet.cli.sources import Choice
    from multinet.config import Settings


def of_node(source: Choice) -> Settings | None:
    """The agent's settings on this node; None where the options name a cluster, or there is no agent here.

    Raises MultinetError for settings that can't be used.
    """
    if source.folder is not None or source.kubeconfig is not None or source.context:
        return None
    return source.settings


def node_name(settings: Settings) -> str:
    return settings.agent.node_name or socket.gethostname()
