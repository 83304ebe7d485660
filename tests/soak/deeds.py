"""What a soak does, as values: a sequence is a list of them, which can be printed, cut shorter and done again.

A deed means something in every state of the world, so that a sequence stays one when some of it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tests.soak.gateway import Mood

PLACES = 6
"""Pods in a sequence. A range of two addresses is too small for them, and all fit into one look."""


class Trouble(StrEnum):
    """What happens in the middle of a call."""

    KILL_AGENT = "agent killed"
    KILL_SHIM = "shim killed"
    KILL_BOTH = "agent and shim killed"
    KILL_PLUGIN = "plugin killed"
    HANG_UP = "client hung up"
    LOSE_NETNS = "namespace deleted in a call"


class Disk(StrEnum):
    FULL = "full"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class Call:
    """Calls of the runtime, begun at the same time, each for a place of its own. ``moment``: where in the first of
    them the trouble comes, from 0 to 1.
    """

    calls: tuple[tuple[str, int], ...]
    trouble: Trouble | None = None
    moment: float = 0.0

    def __str__(self) -> str:
        said = " + ".join(f"{verb} {place}" for verb, place in self.calls)
        return f"{said}, {self.trouble} at {self.moment:.3f}" if self.trouble else said


@dataclass(frozen=True, slots=True)
class Both:
    """Two calls for one place at the same time: a runtime that gave up waiting, or that was started anew."""

    verbs: tuple[str, str]
    place: int

    def __str__(self) -> str:
        return f"{self.verbs[0]} {self.place} while {self.verbs[1]} {self.place}"


@dataclass(frozen=True, slots=True)
class Collect:
    """GC. ``forgotten``: a place that the runtime's list does not name."""

    forgotten: int | None = None
    beside: tuple[int, ...] = ()
    """Places that get an ADD at the same time."""

    def __str__(self) -> str:
        said = "GC" if self.forgotten is None else f"GC without {self.forgotten}"
        return " + ".join([said, *(f"ADD {place}" for place in self.beside)])


@dataclass(frozen=True, slots=True)
class Status:
    def __str__(self) -> str:
        return "STATUS"


@dataclass(frozen=True, slots=True)
class Server:
    """From now on the API server is like that."""

    mood: Mood

    def __str__(self) -> str:
        return f"API server {self.mood}"


@dataclass(frozen=True, slots=True)
class Cut:
    """All connections to the API server are cut, once."""

    def __str__(self) -> str:
        return "API connections cut"


@dataclass(frozen=True, slots=True)
class Fill:
    """From now on that folder's disk is like that; None: well again. ``folder``: "state" or "ipam"."""

    folder: str
    how: Disk | None

    def __str__(self) -> str:
        return f"disk of {self.folder} {self.how or 'well'}"


@dataclass(frozen=True, slots=True)
class Define:
    """A definition is changed (made where it is not there), or deleted."""

    network: str
    there: bool = True

    def __str__(self) -> str:
        return f"definition {self.network} {'changed' if self.there else 'deleted'}"


@dataclass(frozen=True, slots=True)
class Lose:
    """The pod's namespace is deleted."""

    place: int

    def __str__(self) -> str:
        return f"namespace of {self.place} deleted"


@dataclass(frozen=True, slots=True)
class Squat:
    """Somebody else's link gets a name of ours in a pod; again, and it goes."""

    place: int
    name: str

    def __str__(self) -> str:
        return f"foreign {self.name} in {self.place}"


@dataclass(frozen=True, slots=True)
class SquatHost:
    """Somebody else's link gets the name of one that is made on demand; again, and it goes. ``fits``: would it do?"""

    fits: bool

    def __str__(self) -> str:
        return f"foreign {'VXLAN' if self.fits else 'bridge'} on the host"


@dataclass(frozen=True, slots=True)
class Jump:
    """The wall clock is set forward by so many seconds."""

    seconds: int

    def __str__(self) -> str:
        return f"clock {self.seconds:+d} s"


@dataclass(frozen=True, slots=True)
class Restart:
    """The agent is stopped and started; ``clock``: with which monotonic clock."""

    gently: bool
    clock: int

    def __str__(self) -> str:
        return f"agent {'restarted' if self.gently else 'killed and started'}, monotonic clock {self.clock}"


Deed: TypeAlias = (
    Call | Both | Collect | Status | Server | Cut | Fill | Define | Lose | Squat | SquatHost | Jump | Restart
)


@dataclass(frozen=True, slots=True)
class Sequence:
    """What pods there are, and what happens to them."""

    seed: int
    number: int
    pods: tuple[tuple[str, ...], ...]
    """The further networks of each place."""
    deeds: tuple[Deed, ...]

    def __str__(self) -> str:
        pods = (f"  pod {place}: {', '.join(names) or '-'}" for place, names in enumerate(self.pods))
        deeds = (f"  {number:3} {deed}" for number, deed in enumerate(self.deeds, 1))
        return "\n".join([*pods, *deeds])
