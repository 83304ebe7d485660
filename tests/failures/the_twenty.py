"""The twenty failures that users of Multus meet most, the commonest first.

Each has a test here whose name begins with its number, and a row in ``multinet/cli/README.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TWENTY: Final[Mapping[int, str]] = {
    1: "networks are silently lost while the agent is away",
    2: "the agent runs out of memory in a storm of pods",
    3: "a DEL that fails is told as done, and its addresses leak",
    4: "the cluster's own configuration is empty or half written at boot",
    5: "the token on the node is old, and the API refuses it",
    6: "the program can't be replaced: text file busy",
    7: "no pod starts while the API server is away or slow",
    8: "an uninstall leaves the node without a network",
    9: "default-route is wrong, or takes every route away",
    10: "errors can't be read, and show what is secret",
    11: "the device is the wrong one, or is silently missing",
    12: "one plugin's old protocol version stops all others",
    13: "a meta plugin calls itself, or an interface exists already",
    14: "another agent renames the configuration",
    15: "programs are not where this distribution has them",
    16: "a changed annotation does nothing to a running pod",
    17: "one slow network holds up every pod of the node",
    18: "who writes a definition runs any program, and may do everything",
    19: "namespace isolation lets some paths through",
    20: "every node keeps the objects of the whole cluster",
}
