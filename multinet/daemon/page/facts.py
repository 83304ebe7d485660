"""What the status page tells, as values. Where something can't be seen, its place has the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

from multinet.daemon.history import Happened
from multinet.daemon.latency import Latency
from multinet.delegate.pools import Pool
from multinet.view.attached import Network
from multinet.view.sandboxes import Sandbox
from multinet.view.topology import Topology

T = TypeVar("T")


class Mood(StrEnum):
    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why it can't be told."""

    why: str


Seen: TypeAlias = T | Unseen


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the reader wants to see."""

    words: str = ""
    """Only sandboxes with this in a name, an address or an id."""
    page: int = 1
    live: bool = False
    """Load it anew every few seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One fact of the agent's state."""

    name: str
    says: str
    mood: Mood = Mood.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachments:
    """One page of the sandboxes on record."""

    shown: Sequence[tuple[Sandbox, float | None]]
    """Each with when its record was last written, in seconds of the wall clock; None where that went meanwhile."""
    matching: int
    all: int
    page: int
    pages: int
    damaged: int
    """Records that can't be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkLine:
    network: Network
    pools: Sequence[Pool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    shown: Sequence[NetworkLine]
    more: int
    """Further ones that are in use."""
    unused: Sequence[str]
    """Definitions that no sandbox of this node has: the first of them."""
    all_unused: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    topology: Topology
    pods: int
    """How many sandboxes are drawn, of how many that match."""
    of: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    node: str
    version: str
    at: float
    """In seconds of the wall clock."""
    asked: Asked
    missing: Sequence[str]
    """Why no pod could be given its networks now; nothing when it could."""
    state: Sequence[Line]
    attachments: Seen[Attachments]
    networks: Seen[Networks]
    picture: Seen[Picture]
    verbs: Sequence[Latency]
    delegates: Sequence[Latency]
    failures: Sequence[Happened]
    remembered: int
    """Requests among which the failures were looked for."""
