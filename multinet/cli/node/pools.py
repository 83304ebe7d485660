"""The addresses that this node has given: of which network, to whom, and which of them nobody has any more.

An address is **leaked** only where all of this is so:

* the container that it was given to is neither in the agent's journal, nor in what Multus or the runtime remember;
* it was given longer than ``YOUNG_SECONDS`` ago, so that no ADD is about to answer with it;
* every network namespace of the node can be seen, and none has the address.

Where any of it can't be told, the address is **unknown**, and is nobody's to free.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final

from multinet.cli.node import namespaces
from multinet.cli.node.namespaces import Seen
from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.daemon import confsearch
from multinet.daemon.primary import BOOT_ID, is_definition, is_inline, place_of
from multinet.delegate import registry
from multinet.delegate.pools import Pool, Reservation
from multinet.errors import Busy, MultinetError
from multinet.plan import Record
from multinet.state.attachments import Attachments
from multinet.state.libcni import Cache
from multinet.verbs.reconcile import cause_of_end
from multinet.view.journal import Journal, name_of
from multinet.view.pools import gather

YOUNG_SECONDS: Final = 600.0
"""More than any ADD may take: the kubelet gives one up after two minutes (``agent.requestSeconds``)."""


class Use(StrEnum):
    """What is known of an address that is taken. Whether it can be freed: only ``LEAKED`` can."""

    USED = "used"
    """By a container that somebody remembers, or by an interface."""
    ENDED = "ended"
    """Its container is on record, and gone: the agent clears both."""
    RESERVED = "reserved"
    """It names no container: somebody reserved it by hand."""
    UNKNOWN = "unknown"
    LEAKED = "leaked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One address, and what is known of it."""

    held: Reservation
    use: Use
    pod: str = ""
    """``namespace/name``; "" where nobody knows."""
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolView:
    pool: Pool
    taken: tuple[Taken, ...]

    def of(self, use: Use) -> list[Taken]:
        return [one for one in self.taken if one.use is use]


@dataclass(kw_only=True)
class Evidence:
    """Who is there. What costs much is asked when it is first needed, and once."""

    records: Mapping[str, Record]
    """By container."""
    gone: Callable[[Record], bool]
    """Would the agent clear it up?"""
    remembered: Callable[[str], bool]
    """Do Multus, the runtime, or a damaged record tell of that container?"""
    look: Callable[[], Seen]
    """Into every network namespace."""
    now: float = field(default_factory=time.time)
    _seen: Seen | None = None

    @classmethod
    def gather(cls, settings: Settings, journal: Journal) -> Evidence:
        boot_id = BOOT_ID.read_text(encoding="ascii").strip()
        return cls(
            gone=lambda record: cause_of_end(record, boot_id) is not None,
            records={record.plan.container_id: record for record in journal.records},
            remembered=partial(_remembered, settings, journal),
            look=namespaces.look,
        )

    def judge(self, held: Reservation) -> Taken:
        if not held.container_id:
            return Taken(held=held, use=Use.RESERVED, why="it names no container")
        record = self.records.get(held.container_id)
        if record is not None:
            gone = self.gone(record)
            return Taken(
                held=held,
                use=Use.ENDED if gone else Use.USED,
                pod=name_of(record) if record.plan.pod else "",
                why="its sandbox is gone, and its DEL has not come" if gone else "",
            )
        if self.remembered(held.container_id):
            return Taken(held=held, use=Use.USED, why="its container was set up by somebody else")
        if self.now - held.since < YOUNG_SECONDS:
            return Taken(held=held, use=Use.UNKNOWN, why="it was given a moment ago")
        if self._seen is None:
            self._seen = self.look()
        if self._seen.why_not_all:
            return Taken(held=held, use=Use.UNKNOWN, why=self._seen.why_not_all)
        if held.address in self._seen.addresses:
            return Taken(
                held=held, use=Use.USED, why="nobody remembers its container, but an interface has it"
            )
        return Taken(held=held, use=Use.LEAKED, why="nobody remembers its container, and no interface has it")


def look(settings: Settings, journal: Journal) -> list[PoolView]:
    """Every pool, by place. Raises MultinetError for what can't be read."""
    evidence = Evidence.gather(settings, journal)
    return [
        PoolView(pool=pool, taken=tuple(evidence.judge(held) for held in pool.held))
        for pool in gather(journal, primary(settings))
    ]


def free(settings: Settings, pool: Pool, taken: Taken) -> str:
    """Give a leaked address back. Why it was not, "" when it was. Raises MultinetError."""
    assert taken.use is Use.LEAKED
    container_id = taken.held.container_id
    attachments = Attachments(settings.state_dir)
    try:
        # No ADD or DEL of that container may begin meanwhile, and none has since it was looked at.
        with attachments.lock(container_id, wait=False):
            if any(record.plan.container_id == container_id for record in attachments.look()[0]):
                return "its container has come back"
            freed = registry.load(pool.type).free(pool, taken.held)
    except Busy:
        return "a request works on its container"
    return "" if freed else "somebody else has it by now"


def _remembered(settings: Settings, journal: Journal, container_id: str) -> bool:
    """By the names of their files alone: one that can't be read tells of its container all the same."""
    if any(file.name.startswith(f"{container_id}@") for file in journal.damaged):
        return True
    caches = Cache(folder=settings.runtime_cache_dir), Cache(folder=settings.multus_dir)
    if any(cache.files_of(container_id) for cache in caches):
        return True
    return os.path.lexists(settings.multus_dir / container_id)


def primary(settings: Settings) -> NetConfList | None:
    """The cluster's own network, as the agent would take it; None where it is a definition, or can't be read."""
    try:
        if is_inline(settings):
            return NetConfList.of(settings.delegates[0])
        if is_definition(settings):
            return None
        place = place_of(settings)
        names = confsearch.look(place.folder, also=place.pinned).names()
        own = settings.agent.conflist_name
        return confsearch.choose(place.folder, names, pinned=place.pinned, own=own).conflist
    except MultinetError:
        return None


def to_json(view: PoolView) -> dict[str, Any]:
    pool = view.pool
    return {
        "ipam": pool.type,
        "network": pool.network,
        "folder": pool.place,
        "ranges": [
            {
                "first": str(one.first),
                "last": str(one.last),
                "size": one.size,
                "used": one.used,
                "free": one.free,
            }
            for one in pool.stretches
        ],
        "addresses": [
            {
                "address": str(one.held.address),
                "use": one.use.value,
                "pod": one.pod,
                "containerID": one.held.container_id,
                "interface": one.held.ifname,
                "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.held.since)),
                "why": one.why,
            }
            for one in view.taken
        ],
    }
