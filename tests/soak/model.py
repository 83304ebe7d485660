"""What each pod must have, and what a call may answer: the measure that the node is held to."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tests.soak.deeds import Disk
from tests.soak.gateway import Mood
from tests.soak.look import Inside, Told
from tests.soak.networks import CLUSTER, FURTHER, VERSIONS, Network
from tests.support.netns import Netns
from tests.support.node import Sandbox

LAG_SECONDS: Final = 20.0
"""How late a change of a definition may reach the agent: a watch that was cut is opened again after ten seconds at
the most (``backoff.MOST_SECONDS``)."""


class Found(Exception):
    """The node does not hold what it must: a sentence."""


class Phase(StrEnum):
    ABSENT = "absent"
    STANDING = "standing"
    UNSURE = "unsure"
    """A call for it was cut short, and nobody was told how it ended: the next ADD or DEL makes it plain."""


class May(StrEnum):
    """How a call may end."""

    SUCCEED = "must succeed"
    FAIL = "must fail"
    EITHER = "may fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What a pod got."""

    inside: Inside
    leases: frozenset[str]
    told: Told
    versions: tuple[int, ...]

    @property
    def addresses(self) -> frozenset[str]:
        return frozenset(lease.partition("/")[2] for lease in self.leases)


@dataclass(kw_only=True, slots=True)
class Place:
    """A pod, and its container of the moment."""

    number: int
    names: tuple[str, ...]
    pod: dict[str, Any]
    id: str
    netns: Netns
    empty: frozenset[str]
    """The facts of a namespace in which nobody has been."""
    phase: Phase = Phase.ABSENT
    held: Held | None = None
    """While it stands."""
    lost: bool = False
    """Its namespace was deleted."""
    squatters: set[str] = field(default_factory=set)
    ended: bool = False
    """Has it had its last DEL? Then the next ADD is for another container."""

    @property
    def networks(self) -> tuple[Network, ...]:
        return (CLUSTER, *(FURTHER[name] for name in self.names))

    @property
    def ifnames(self) -> tuple[str, ...]:
        return ("eth0", *(f"net{number}" for number in range(1, len(self.names) + 1)))

    @property
    def sandbox(self) -> Sandbox:
        return Sandbox(id=self.id, netns=self.netns.path, pod=self.pod)

    @property
    def runs_programs(self) -> bool:
        return any(network.program for network in self.networks)

    def wants(self, store: str) -> int:
        return sum(network.store == store for network in self.networks)

    def __str__(self) -> str:
        return f"place {self.number} ({self.id}: {', '.join(self.names) or 'no further network'})"


@dataclass(slots=True)
class _Version:
    number: int | None
    """None: it was not there."""
    until: float | None = None


class Definitions:
    """Each definition as it was from time to time, and which of that an agent may still hold for true."""

    def __init__(self) -> None:
        self._past: dict[str, list[_Version]] = {name: [_Version(0)] for name in FURTHER}
        self._bad_since: float | None = None
        self._bad_until = float("-inf")
        self._changed = 0

    def change(self, name: str, there: bool) -> int:
        """Returns the number of the version that is to be written."""
        past = self._past[name]
        past[-1].until = time.monotonic()
        self._changed += 1
        past.append(_Version(self._changed if there else None))
        return self._changed

    def is_there(self, name: str) -> bool:
        return self._past[name][-1].number is not None

    def cut_off(self, bad: bool) -> None:
        """From now on the agent can't, or can, hear of changes."""
        now = time.monotonic()
        if bad and self._bad_since is None:
            self._bad_since = now if now - self._bad_until > LAG_SECONDS else self._bad_since_last
        elif not bad and self._bad_since is not None:
            self._bad_since_last, self._bad_since, self._bad_until = self._bad_since, None, now

    _bad_since_last: float = 0.0

    def may_be(self, name: str) -> set[int | None]:
        now = time.monotonic()
        horizon = now
        if self._bad_since is not None:
            horizon = self._bad_since
        elif now - self._bad_until < LAG_SECONDS:
            horizon = self._bad_since_last
        horizon -= LAG_SECONDS
        return {
            one.number % VERSIONS if one.number is not None else None
            for one in self._past[name]
            if one.until is None or one.until > horizon
        }

    def changed_lately(self, names: Collection[str]) -> bool:
        return any(len(self.may_be(name)) > 1 for name in names)


@dataclass(kw_only=True, slots=True)
class Weather:
    """What is wrong with the world."""

    server: Mood = Mood.FAIR
    disks: dict[str, Disk] = field(default_factory=dict)
    squatted: bool = False
    """Has somebody else's link the name of one that is made on demand?"""
    clock_back: bool = False
    unheard: bool = False
    """Was the agent started while the server was away, and may it not yet know what there is?"""

    def read_only(self, *folders: str) -> bool:
        return any(self.disks.get(folder) is Disk.READ_ONLY for folder in folders or ("state", "ipam"))


class Model:
    def __init__(self, places: Sequence[Place], definitions: Definitions) -> None:
        self.places = tuple(places)
        self.definitions = definitions
        self.weather = Weather()

    @property
    def standing(self) -> list[Place]:
        return [place for place in self.places if place.phase is Phase.STANDING]

    def users(self, host_link: str) -> list[Place]:
        """Those whose networks need that link of the host."""
        return [one for one in self.places if any(net.host_link == host_link for net in one.networks)]

    def may_add(
        self,
        place: Place,
        beside: Sequence[Place],
        leases: Mapping[str, tuple[str, str]],
        *,
        alone: bool = False,
    ) -> May:
        """``beside``: those that get an ADD at the same time, and this one. ``alone``: nothing else is called for."""
        weather = self.weather
        if place.lost:
            return May.FAIL
        fresh = place.phase is Phase.ABSENT
        versions = [self.definitions.may_be(name) for name in place.names]
        if {None} in versions:
            return May.FAIL
        if fresh and (place.squatters & set(place.ifnames) or weather.read_only()):
            return May.FAIL
        maybe = [
            any(None in one for one in versions),
            bool(place.squatters & set(place.ifnames)),
            bool(weather.disks),
            self._server_in_the_way(place),
            weather.squatted and any(network.host_link for network in place.networks),
        ]
        room = self._room(place, beside, leases, alone)
        if room is May.FAIL or any(maybe):
            return room if room is May.FAIL else May.EITHER
        return room

    def _server_in_the_way(self, place: Place) -> bool:
        """A definition that the agent knows is all it needs of the server. One that answers, and refuses the pod's
        status, makes the pod fail.
        """
        weather = self.weather
        if weather.server in (Mood.FAIR, Mood.SLOW) or not place.names:
            return False
        if weather.server is Mood.CONFLICT:
            return True
        return weather.unheard or self.definitions.changed_lately(place.names)

    def _room(
        self, place: Place, beside: Sequence[Place], leases: Mapping[str, tuple[str, str]], alone: bool
    ) -> May:
        """For the networks with few addresses."""
        for network in {network.name: network for network in place.networks}.values():
            if not network.room or not (wanted := place.wants(network.store)):
                continue
            taken = [owner for lease, (owner, _) in leases.items() if lease.startswith(f"{network.store}/")]
            # What was cut short may still be about to reserve its own.
            unsure = [other for other in self.places if other.phase is Phase.UNSURE and other not in beside]
            coming = sum(max(0, other.wants(network.store) - taken.count(other.id)) for other in unsure)
            free = network.room - len(taken)
            if sum(other.wants(network.store) for other in beside) + coming <= free:
                continue
            sure = not any(
                other.phase is Phase.UNSURE and other.wants(network.store) for other in self.places
            )
            if sure and alone and place.id not in taken and wanted > free:
                return May.FAIL
            return May.EITHER
        return May.SUCCEED

    def may_delete(self, place: Place) -> May:
        return May.EITHER if self.weather.read_only() else May.SUCCEED

    def may_check(self, place: Place) -> May:
        if place.phase is Phase.ABSENT:
            return May.FAIL
        if place.lost:
            return May.FAIL
        if place.phase is Phase.UNSURE or self.weather.read_only():
            return May.EITHER
        return May.SUCCEED

    def may_status(self) -> May:
        weather = self.weather
        if weather.read_only():
            return May.FAIL
        if weather.disks:  # there may be room again: somebody else's file went
            return May.EITHER
        return May.EITHER if weather.unheard else May.SUCCEED

    def may_collect(self) -> May:
        return May.EITHER if self.weather.read_only() else May.SUCCEED
